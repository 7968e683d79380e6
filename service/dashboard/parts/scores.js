// How well a model did on its test runs, beside its controls; also of several models at once.

import { make } from "../core/dom.js";
import { number, percent, words } from "../core/format.js";

/** What a metric says, for who does not know its name. */
const MEANT = {
  class_balanced_accuracy: ["Classes told right", "mean over the classes of the share that is told right"],
  cluster_balanced_accuracy: ["Classes told by cluster", "the same, if every cluster is taken for the class that most of its cells have; found without labels"],
  class_calibration_error: ["Error of probabilities", "mean difference between the probability said and the share that is right; smaller is better"],
  novelty_auroc: ["Left-out class seen as new", "how well each score of novelty tells a class that it was not trained on (0.5 is chance); the model takes the best"],
  novel_share: ["Called novel", "share of ordinary cells, and the share that was asked for"],
  conformal_coverage: ["Sets that hold the right class", "share of cells, what was promised, the band that chance allows, and by class"],
  conformal_sets: ["Size of the sets", "classes in a set on average, sets of one class, and empty ones"],
  cluster_share: ["Shares of the clusters", "of all cells"],
};

function meter(name, value, own) {
  const fill = make("div", { class: "fill" });
  fill.style.width = `${(100 * Math.min(1, Math.max(0, value))).toFixed(1)}%`;
  return [make("span", { class: `name${own ? " own" : ""}` }, words(name)), make("div", { class: `track${own ? "" : " control"}`, "aria-hidden": "true" }, fill),
    make("span", { class: `value${own ? " own" : ""}` }, Number(value.toPrecision(Math.abs(value) < 0.1 ? 2 : 3)))];
}

/** Make a block for each metric: the model, and below it its controls. */
export function scores({ metrics, training }) {
  const order = Object.keys(MEANT);
  const place = (metric) => (order.includes(metric) ? order.indexOf(metric) : order.length);
  const blocks = Object.entries(metrics).sort(([one], [other]) => place(one) - place(other)).map(([metric, values]) => {
    const [name, meaning] = MEANT[metric] ?? [words(metric), ""];
    const bars = Object.entries(values).flatMap(([who, value]) => meter(who, value, who === "model"));
    return make("section", { class: "score", "aria-label": name }, make("h3", {}, name), meaning ? make("p", { class: "note" }, meaning) : null, make("div", { class: "bars" }, ...bars));
  });
  if (!blocks.length) return make("p", { class: "note" }, "It was not measured: no run was held out when it was trained.");
  const optimistic = training.test_sources.length ? "" : " It has no test runs of its own, so the figures are optimistic.";
  const of = training.test_sources.length ? `${training.test_sources.length} ${training.origin} test run${training.test_sources.length > 1 ? "s" : ""}` : "its training runs";
  return make("div", {}, make("p", { class: "note" }, `Measured on ${of} (${training.test_sources.join(", ") || "none held out"}).${optimistic}`), make("div", { class: "scores" }, ...blocks));
}

const COMPARED = ["class_balanced_accuracy", "cluster_balanced_accuracy", "class_calibration_error", "novelty_auroc", "conformal_coverage"];
const best = (values) => values.model ?? Math.max(...Object.values(values));

/** Make a table of models of one kind of instrument, a row for each, with what they were measured at. */
export function comparison(bundles, chosen) {
  const shown = COMPARED.filter((metric) => bundles.some(({ metrics }) => metric in metrics));
  const head = make("tr", {}, make("th", { scope: "col" }, "model"), ...shown.map((metric) => make("th", { scope: "col", class: "amount", title: MEANT[metric][1] }, MEANT[metric][0])), make("th", { scope: "col", class: "amount" }, "cells"));
  const row = (one) => make("tr", { "data-chosen": String(one.digest === chosen) }, make("th", { scope: "row", title: one.digest }, `${one.name} · ${one.digest.slice(0, 6)}`),
    ...shown.map((metric) => make("td", { class: "number" }, metric in one.metrics ? shareOf(metric, best(one.metrics[metric])) : "–")), make("td", { class: "number" }, number(one.cells)));
  return make("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Models side by side" },
    make("table", { class: "table comparison" }, make("thead", {}, head), make("tbody", {}, ...bundles.map(row))));
}

const shareOf = (metric, value) => (metric === "class_calibration_error" || metric === "novelty_auroc" ? number(value) : percent(value));
