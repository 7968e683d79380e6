// Shares as bars, each with its name and value.

import { make } from "../core/dom.js";
import { percent } from "../core/format.js";

/** Make bars; `colour` gives the colour of the one at an index, or nothing. */
export function bars(names, values, colour = () => "") {
  return make("div", { class: "bars" }, ...names.flatMap((name, index) => {
    const fill = make("div", { class: "fill" });
    fill.style.width = `${(100 * values[index]).toFixed(1)}%`;
    fill.style.background = colour(index);
    return [make("span", { class: "name" }, name), make("div", { class: "track" }, fill), make("span", { class: "value" }, percent(values[index]))];
  }));
}
