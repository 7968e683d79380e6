// What a model promises, in words: when it calls a cell novel, which classes it leaves open, when it says that something drifted.

import { make } from "../core/dom.js";
import { count, number, percent } from "../core/format.js";

const WINDOW = 500;

const line = (name, ...said) => make("div", {}, make("dt", {}, name), make("dd", {}, ...said));

function novel({ method, threshold, false_reject_rate: share, cells }) {
  return `A cell is called novel where its novelty, the ${lower(method)}, is above ${number(threshold)}: so are ${percent(share)} of the ${count(cells)} ordinary cells that this was set on.`;
}

function sets({ alpha, least_probability: least, cells }, classes) {
  const rows = classes.map((name, k) => make("tr", {}, make("th", { scope: "row" }, name),
    make("td", { class: "number" }, cells[k] && least[k] > 0 ? number(least[k]) : "always"), make("td", { class: "number" }, count(cells[k]))));
  const heads = [["class", ""], ["in the set from probability", "amount"], ["cells it was set on", "amount"]];
  return [
    `Of every class, the set of ${number(100 * (1 - alpha))} % of the cells has the right one in it, as long as the run is like the one that this was set on. A cell that no class reaches is a reject.`,
    make("table", { class: "table narrow" }, make("thead", {}, make("tr", {}, ...heads.map(([text, kind]) => make("th", { scope: "col", class: kind }, text)))), make("tbody", {}, ...rows)),
  ];
}

const lower = (text) => (/^[A-Z][a-z]/.test(text) && !text.startsWith("Mahalanobis") ? text[0].toLowerCase() + text.slice(1) : text);

/** Make the list for a contract. */
export function promises({ novelty, conformal, drift, temperature, classes }) {
  const none = "This model makes no such promise: too few cells were held out when it was trained, or it is older.";
  return make("dl", { class: "about facts promises" },
    line("novel cells", novel(novelty)),
    classes.length ? line("sets of classes", ...(conformal ? sets(conformal, classes) : [none])) : null,
    classes.length ? line("probabilities", temperature ? `Scores were divided by ${number(temperature)}, so that probabilities are as often right as they say.` : none) : null,
    line("drift", drift ? `Every ${WINDOW} cells of a run are compared with ${count(drift.cells)} ordinary ones along ${count(drift.quantiles.length)} axes of the embedding. The alarm says that chance explains the difference in less than one window of a hundred.` : none));
}
