// Counts by two kinds of group as a table, darker where there are more of a row.

import { make } from "../core/dom.js";
import { count, percent } from "../core/format.js";

/** Make the table: `rows` are `[name, counts by column name]`; the row's own largest share is the darkest. */
export function crosstab(corner, rows, columns) {
  const head = make("tr", {}, ...[corner, ...columns, "cells"].map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map(([name, counts]) => {
    const all = [...counts.values()].reduce((a, b) => a + b, 0);
    const cells = columns.map((column) => {
      const value = counts.get(column) ?? 0;
      const cell = make("td", { class: "number shade", title: `${count(value)} cells` }, all ? percent(value / all) : "–");
      cell.style.setProperty("--share", `${all ? Math.round((45 * value) / all) : 0}%`);
      return cell;
    });
    return make("tr", {}, make("th", { scope: "row" }, name), ...cells, make("td", { class: "number" }, count(all)));
  });
  const table = make("table", { class: "table crosstab" }, make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": `Counts by ${corner}` }, table);
}
