// Which column an axis shows, and on what scale.

import { choice, make, setChoices } from "../core/dom.js";
import { nameAndUnit, percent } from "../core/format.js";
import { numbersOf } from "../core/run.js";
import { SCALES } from "../core/scales.js";

/** A column as people call it, and its unit. */
function called(column) {
  const component = /^pc(\d+)$/.exec(column);
  if (component) return { name: `PC ${component[1]}`, unit: "latent units" };
  const placed = /^umap(\d+)$/.exec(column);
  if (placed) return { name: `UMAP ${placed[1]}`, unit: "" };
  const { name, unit } = nameAndUnit(column);
  return { name, unit: /^embedding \d+$/.test(name) ? "latent units" : unit };
}

/** What an axis is called: the words of its column, its unit and its scale, and how much of the embedding a map's axis shows. */
export function axisTitle({ column, scale }, maps = []) {
  const { name, unit } = called(column);
  const map = maps.find(({ columns, variance_share: shares }) => shares && columns.includes(column));
  const share = map ? `, ${percent(map.variance_share[map.columns.indexOf(column)])} of the embedding's variance` : "";
  return `${name}${share}${unit ? ` (${unit})` : ""}${scale === "linear" ? "" : `, ${scale} scale`}`;
}

export class AxisChoice {
  /** `changed` is told when column or scale changed. */
  constructor(name, changed) {
    this.columns = choice([], null, changed, { "aria-label": `Column along ${name}`, class: "column-choice" });
    this.scales = choice(Object.keys(SCALES), "linear", changed, { "aria-label": `Scale along ${name}` });
    this.element = make("span", { class: "axis-choice" }, make("b", {}, name), this.columns, this.scales);
  }

  offer(columns, { column, scale }) {
    setChoices(this.columns, numbersOf(columns).map((each) => {
      const { name, unit } = called(each);
      return [each, unit && unit !== "latent units" ? `${name} (${unit})` : name];
    }), column);
    this.scales.value = scale;
  }

  get value() {
    return { column: this.columns.value, scale: this.scales.value };
  }
}
