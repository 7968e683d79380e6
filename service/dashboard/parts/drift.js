// Where the cells of a run lie on an axis of the embedding, beside the cells that the model was calibrated on.

import * as api from "../core/api.js";
import { chart, endChart } from "../core/charts.js";
import { choice, field, make } from "../core/dom.js";
import { number } from "../core/format.js";
import { groupColour } from "../core/palette.js";
import { onThemeChange } from "../core/theme.js";
import { medianOf } from "./compare.js";

const BINS = 50;
/** Of the model's quantiles, every so many are ends of a bin: between each two there were few cells. */
const EVERY = 5;

export class Drift {
  /** `axis` of the embedding is the one to begin with; `chosen` is told another one. */
  constructor(run, axis, chosen) {
    this.run = run;
    const axes = run.contract.drift.quantiles.map((_, axis) => [String(axis), String(axis)]);
    this.axis = choice(axes, axis, () => { chosen(this.axis.value); this.#show(); });
    this.plot = make("div", { class: "chart drift-chart", role: "img", "aria-label": "Embedding of this run and of the model's own cells" });
    this.said = make("p", { class: "note", role: "status" });
    this.element = make("div", {}, field("Axis of the embedding", this.axis), this.plot, this.said);
    this.forget = onThemeChange(() => this.#show());
    this.#show();
  }

  close() {
    this.forget();
    endChart(this.plot);
  }

  async #show() {
    const axis = Number(this.axis.value);
    const every = this.run.contract.drift.quantiles[axis];
    const quantiles = (every.length - 1) % EVERY ? every : every.filter((_, k) => k % EVERY === 0);
    try {
      const { edges, counts } = await api.getHistogram(this.run.id, { column: `embedding_${axis}`, bins: BINS });
      const all = counts.reduce((a, b) => a + b, 0);
      if (!all) throw new Error("No cells yet.");
      const width = edges[1] - edges[0];
      // Between two quantiles lies the same share of the model's cells everywhere.
      const share = 1 / (quantiles.length - 1);
      const own = quantiles.slice(1).map((end, k) => (end > quantiles[k] ? share / (end - quantiles[k]) : null));
      await chart(this.plot, [
        { type: "bar", x: edges.slice(1).map((end) => end - width / 2), y: counts.map((value) => value / all / width), name: "this run", marker: { color: groupColour(4) } },
        { type: "scatter", mode: "lines", line: { shape: "hv", color: groupColour(5), width: 1.8 }, x: quantiles, y: [...own, 0], name: "the model's own" },
      ], { bargap: 0, showlegend: true, legend: { x: 1, xanchor: "right", y: 1 }, xaxis: { title: `embedding axis ${axis} (latent units)` }, yaxis: { title: "density" } });
      const [here, there] = [medianOf({ edges, counts }), quantiles[Math.floor(quantiles.length / 2)]];
      this.said.textContent = `Half of the cells lie below ${number(here)} in this run, below ${number(there)} of the model's own.`;
    } catch (problem) {
      this.said.textContent = problem.message;
    }
  }
}
