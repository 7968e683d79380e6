// Everything that was measured of a cell, with its unit.

import { make } from "../core/dom.js";
import { nameAndUnit, number } from "../core/format.js";

const NOT_FEATURES = /^(event_id|rejection|epoch|flags|cluster|cluster_posterior|class|class_probability|conformal|novelty|novel|label|embedding_\d+)$/;

export function features(row) {
  const all = Object.entries(row).filter(([name]) => !NOT_FEATURES.test(name));
  const body = make("tbody");
  const show = (part) => body.replaceChildren(...all.filter(([column]) => column.includes(part.trim().replaceAll(" ", "_"))).map(([column, value]) => {
    const { name, unit } = nameAndUnit(column);
    return make("tr", { title: column }, make("th", { scope: "row" }, name), make("td", {}, number(value)), make("td", { class: "unit" }, unit));
  }));
  show("");
  return {
    search: make("input", { type: "search", placeholder: "find", "aria-label": "Find a feature", oninput: (event) => show(event.target.value) }),
    table: make("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Measured features" }, make("table", { class: "features" }, body)),
  };
}
