// Which column an axis shows, and on what scale.

import { choice, make, setChoices } from "../core/dom.js";
import { nameAndUnit } from "../core/format.js";
import { COMPONENTS, embeddingOf, isComponent } from "../core/pca.js";
import { numbersOf } from "../core/run.js";
import { SCALES } from "../core/scales.js";

/** What an axis is called: the words of its column, its unit and its scale. */
export function axisTitle({ column, scale }) {
  if (isComponent(column)) return `principal ${column.replace("_", " ")} of the embedding (latent units)`;
  const { name, unit } = nameAndUnit(column);
  const embedding = /^embedding \d+$/.test(name) ? "latent units" : unit;
  return `${name}${embedding ? ` (${embedding})` : ""}${scale === "linear" ? "" : `, ${scale} scale`}`;
}

export class AxisChoice {
  /** `changed` is told when column or scale changed. */
  constructor(name, changed) {
    this.columns = choice([], null, changed, { "aria-label": `Column along ${name}`, class: "column-choice" });
    this.scales = choice(Object.keys(SCALES), "linear", changed, { "aria-label": `Scale along ${name}` });
    this.element = make("span", { class: "axis-choice" }, make("b", {}, name), this.columns, this.scales);
  }

  offer(columns, { column, scale }) {
    const components = embeddingOf(columns).length > 1 ? COMPONENTS.map((name) => [name, `principal ${name.replace("_", " ")}`]) : [];
    setChoices(this.columns, [...components, ...numbersOf(columns).map((name) => {
      const parts = nameAndUnit(name);
      return [name, parts.unit ? `${parts.name} (${parts.unit})` : parts.name];
    })], column);
    this.scales.value = scale;
  }

  get value() {
    return { column: this.columns.value, scale: this.scales.value };
  }
}
