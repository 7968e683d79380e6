// Which colour is which group, and how many cells it has.

import { make } from "../core/dom.js";
import { count } from "../core/format.js";
import { groupColour, isHollow } from "../core/palette.js";

/** Make the mark of a group. */
export function swatch(group) {
  const mark = make("span", { class: "swatch", "aria-hidden": "true" });
  if (isHollow(group)) mark.style.boxShadow = `inset 0 0 0 2px ${groupColour(group)}`;
  else mark.style.background = groupColour(group);
  return mark;
}

/** Show groups as `[group, name, cells]` in a list; where cells are not counted, only their names. */
export function showLegend(list, groups) {
  const sign = JSON.stringify(groups);
  if (list.dataset.sign === sign) return;
  list.dataset.sign = sign;
  list.replaceChildren(...groups.map(([group, name, cells]) =>
    make("li", {}, swatch(group), `${name} `, cells === null ? null : make("strong", {}, count(cells)))));
}
