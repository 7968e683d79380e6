// Two runs side by side: shares of their clusters or classes, and how a column is distributed in each.

import * as api from "../core/api.js";
import { chart, endChart } from "../core/charts.js";
import { choice, field, make, setChoices } from "../core/dom.js";
import { count, number } from "../core/format.js";
import { groupColour } from "../core/palette.js";
import { numbersOf, openRun } from "../core/run.js";
import { onThemeChange } from "../core/theme.js";
import { axisTitle } from "./axis_choice.js";

const BINS = 60;
const NAMES = ["A", "B"];
const WHOLE_S = 1e7;

export class Compare {
  /** `changed` gets what was chosen: `column`, `by`. */
  constructor(changed) {
    this.by = choice(["cluster", "class", "label"], "class", (by) => changed({ by }));
    this.column = choice([], null, (column) => changed({ column }));
    this.set = choice([], null, (bs) => changed({ bs: bs === "live" ? null : bs }));
    this.setField = field("B as answered by", this.set);
    this.shares = make("div", { class: "chart compare-chart", role: "img", "aria-label": "Shares in both runs" });
    this.histogram = make("div", { class: "chart compare-chart", role: "img", "aria-label": "Distribution in both runs" });
    this.said = make("p", { class: "note", role: "status" }, "Choose two runs in the table.");
    this.element = make("div", { class: "compare" }, make("div", { class: "compare-head" }, this.said, this.setField),
      make("div", { class: "compare-half" }, field("Shares of", this.by), this.shares),
      make("div", { class: "compare-half" }, field("Distribution of", this.column), this.histogram));
    this.forget = onThemeChange(() => this.#draw());
  }

  close() {
    this.closed = true;
    this.forget();
    endChart(this.shares);
    endChart(this.histogram);
  }

  /** Show two runs that have so many `cells` now; `bs` is the result set of the second, without it what its own model said; `sets` changes when there is another. */
  async show(ids, { by, column, bs, cells, sets: made }) {
    const asked = JSON.stringify([ids, by, column, bs, cells, made]);
    if (this.asked === asked) return;
    this.asked = asked;
    if (ids.some((id) => !id)) return;
    this.by.value = by;
    try {
      const [runs, sets] = await Promise.all([Promise.all([openRun(ids[0]), openRun(ids[1], bs ?? "live")]), api.getSets(ids[1])]);
      if (this.asked !== asked || this.closed) return;
      setChoices(this.set, sets.map(({ name, bundle }) => [name, `${name} · ${bundle}`]), bs ?? "live");
      this.setField.hidden = sets.length < 2;
      const shared = numbersOf(runs[0].columns).filter((name) => name in runs[1].columns);
      setChoices(this.column, shared.map((name) => [name, axisTitle({ column: name, scale: "linear" })]), column);
      const [groups, histograms] = await Promise.all([this.#shares(runs, by), this.#histograms(runs, shared.includes(column) ? column : shared[0])]);
      if (this.asked !== asked || this.closed) return;
      this.found = { groups, histograms, column };
      this.said.textContent = runs.map((run, k) => `${NAMES[k]}: ${run.run.request.name || run.run.source}, ${run.contract.name}${run.results === "live" ? "" : ` (${run.results})`}, ${count(histograms[k].cells)} cells`).join(" · ");
      await this.#draw();
    } catch (problem) {
      if (this.asked === asked) this.said.textContent = problem.message;
    }
  }

  #shares(runs, by) {
    return Promise.all(runs.map(async (run) => {
      const { steps } = await api.getTimeline(run.id, { by, seconds: WHOLE_S, results: run.results });
      const cells = new Map();
      for (const step of steps) {
        const name = by === "cluster" ? run.contract.clusters[Number(step.group)] ?? step.group : step.group || "none";
        cells.set(name, (cells.get(name) ?? 0) + step.cells);
      }
      return cells;
    }));
  }

  /** Both with the same bins: the second look is between the ends of both first ones. */
  async #histograms(runs, column) {
    const ask = (run, ends) => api.getHistogram(run.id, { column, bins: BINS, results: run.results, ...ends });
    const first = await Promise.all(runs.map((run) => ask(run, {})));
    const ends = { low: Math.min(...first.map(({ edges }) => edges[0])), high: Math.max(...first.map(({ edges }) => edges.at(-1))) };
    const found = await Promise.all(runs.map((run) => ask(run, ends)));
    return found.map((one) => ({ ...one, cells: one.counts.reduce((sum, value) => sum + value, 0) + one.outside + one.unmeasured }));
  }

  async #draw() {
    if (!this.found || this.closed) return;
    const { groups, histograms, column } = this.found;
    const names = [...new Set(groups.flatMap((cells) => [...cells.keys()]))].sort();
    const share = (cells, name) => (100 * (cells.get(name) ?? 0)) / Math.max(1, [...cells.values()].reduce((a, b) => a + b, 0));
    const legend = { showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, margin: { l: 48, r: 8, t: 24, b: 36 } };
    this.shares.setAttribute("aria-label", `Shares in both runs: ${names.map((name) => `${name} ${number(share(groups[0], name))} % in A, ${number(share(groups[1], name))} % in B`).join("; ")}`);
    this.histogram.setAttribute("aria-label", `Distribution of ${axisTitle({ column, scale: "linear" })} in both runs; median ${histograms.map((one, k) => `${number(medianOf(one))} in ${NAMES[k]}`).join(", ")}`);
    await chart(this.shares, groups.map((cells, k) => ({
      type: "bar", name: NAMES[k], x: names, y: names.map((name) => share(cells, name)), marker: { color: groupColour(k) },
      customdata: names.map((name) => cells.get(name) ?? 0), hovertemplate: "%{y:.1f} %, %{customdata} cells<extra></extra>",
    })), { ...legend, yaxis: { title: "share of cells (%)" } });
    await chart(this.histogram, histograms.map(({ edges, counts }, k) => {
      const all = Math.max(1, counts.reduce((a, b) => a + b, 0));
      return {
        type: "scatter", mode: "lines", name: NAMES[k], x: edges, y: [...counts.map((value) => (100 * value) / all), 0], line: { shape: "hv", color: groupColour(k), width: 1.6 },
        fill: "tozeroy", fillcolor: `${groupColour(k)}33`,
      };
    }), { ...legend, xaxis: { title: axisTitle({ column, scale: "linear" }) }, yaxis: { title: "cells in a bin (%)" } });
  }
}

/** Where half of the cells of a histogram lie below, to a bin; null without cells. */
export function medianOf({ edges, counts }) {
  const half = counts.reduce((sum, value) => sum + value, 0) / 2;
  let below = 0;
  const bin = counts.findIndex((value) => (below += value) >= half);
  return half ? (edges[bin] + edges[bin + 1]) / 2 : null;
}
