// Shares of the clusters over the run's time.

import { getTimeline } from "../core/api.js";
import { chart, endChart } from "../core/charts.js";
import { make } from "../core/dom.js";
import { groupColour } from "../core/palette.js";
import { onThemeChange } from "../core/theme.js";

const STEPS = 80;
const CELLS_A_STEP = 25;
const AGAIN_MS = 3000;
const NICE_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];

/** Length of a stretch of time so that a run has not too many of them; shares mean little of too few cells. */
export function stretch(seconds, cells = Infinity) {
  const steps = Math.max(2, Math.min(STEPS, cells / CELLS_A_STEP));
  return NICE_S.find((length) => seconds / length <= steps) ?? seconds / steps;
}

export class Proportions {
  constructor() {
    this.element = make("div", { class: "chart proportions", role: "img", "aria-label": "Shares of the clusters over time" });
    this.at = 0;
    this.forget = onThemeChange(() => this.#draw());
  }

  close() {
    this.forget();
    endChart(this.element);
  }

  /** Ask how many cells of each cluster there were, now and then, or at once. */
  async show(run, atOnce) {
    if (this.asking || (!atOnce && performance.now() - this.at < AGAIN_MS)) return;
    this.asking = true;
    const { samples } = run.run.ledger;
    const cells = Math.max(run.run.ledger.stored, run.cells ?? 0);
    // A run that goes on tells its length by its latest stretch.
    const length = Math.max(samples / run.sampleRate, run.seconds ?? 0, 1);
    try {
      const { steps, seconds } = await getTimeline(run.id, { by: "cluster", seconds: stretch(length, cells) });
      const last = steps.at(-1);
      run.seconds = last ? last.start_s + seconds : 0;
      run.cells = steps.reduce((sum, step) => sum + step.cells, 0);
      this.shown = { steps, names: run.contract.clusters };
      await this.#draw();
    } catch (problem) {
      this.element.title = problem.message;
    } finally {
      this.asking = false;
      this.at = performance.now();
    }
  }

  async #draw() {
    if (!this.shown?.steps.length) return;
    const { steps, names } = this.shown;
    const times = [...new Set(steps.map((step) => step.start_s))].sort((a, b) => a - b);
    const traces = names.map((name, group) => {
      const cells = new Map();
      for (const step of steps.filter((each) => each.group === String(group))) cells.set(step.start_s, (cells.get(step.start_s) ?? 0) + step.cells);
      return {
        x: times, y: times.map((time) => cells.get(time) ?? 0), name, stackgroup: "all", groupnorm: "percent", mode: "lines",
        line: { width: 0.5, color: groupColour(group) }, fillcolor: `${groupColour(group)}cc`, hovertemplate: `${name} %{y:.1f} %<extra></extra>`,
      };
    });
    await chart(this.element, traces, {
      margin: { l: 34, r: 6, t: 4, b: 30 }, hovermode: "x",
      xaxis: { title: "time of the run (s)" }, yaxis: { range: [0, 100], ticksuffix: " %", nticks: 4 },
    });
  }
}
