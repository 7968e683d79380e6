// What cells are coloured by: cluster, class or label; which colour each value has, and how it is asked for.

import { NO_GROUP } from "../core/palette.js";

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

/** Ways to colour the cells of a run, as `[value, text]`. */
export const groupings = (run) => [["cluster", "cluster"], ...(run.contract.classes.length ? [["class", "class"]] : []), ["label", "label"], ["", "number of cells"]];

/** The groups of a column, or null for none: `names`, `at(text)` and `of(row)`, and `filter(name, index)` for the cells of one. */
export function groupsOf(run, column, labels) {
  if (!column) return null;
  if (column === "cluster") {
    const names = run.contract.clusters;
    return { column, names, at: Number, of: (row) => row.cluster, filter: (_, index) => `cluster = ${index}` };
  }
  const names = column === "class" ? run.contract.classes : labels;
  const places = new Map(names.map((name, index) => [name, index]));
  const at = (text) => places.get(text) ?? NO_GROUP;
  return { column, names, at, of: (row) => at(row[column]), filter: (name) => `${column} = ${quoted(name)}` };
}
