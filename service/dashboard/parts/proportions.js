// Shares of the clusters over the run's time.

import { getTimeline } from "../core/api.js";
import { chart, endChart } from "../core/charts.js";
import { make } from "../core/dom.js";
import { percent } from "../core/format.js";
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

/** The stretch that the run ended in, or is in, may have too few cells for shares. */
function withoutTheLastFew(steps) {
  const cells = (some) => some.reduce((sum, step) => sum + step.cells, 0);
  const last = steps.filter((step) => step.start_s === steps.at(-1).start_s);
  return last.length < steps.length && cells(last) < CELLS_A_STEP / 2 ? steps.slice(0, -last.length) : steps;
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

  /** Show nothing until a run is asked for. */
  clear() {
    this.run = this.shown = null;
    endChart(this.element);
  }

  /** Ask how many cells of each cluster there were, now and then, or at once. */
  async show(run, atOnce) {
    const other = this.run !== run.id;
    if (!other && (this.asking || (!atOnce && performance.now() - this.at < AGAIN_MS))) return;
    if (other) this.shown = null;
    this.run = run.id;
    this.asking = true;
    const { samples } = run.run.ledger;
    const cells = Math.max(run.run.ledger.stored, run.cells ?? 0);
    // A run that goes on tells its length by its latest stretch.
    const length = Math.max(samples / run.sampleRate, run.seconds ?? 0, 1);
    try {
      const { steps, seconds } = await getTimeline(run.id, { by: "cluster", seconds: stretch(length, cells) });
      if (this.run !== run.id) return;
      const last = steps.at(-1);
      run.seconds = last ? last.start_s + seconds : 0;
      run.cells = steps.reduce((sum, step) => sum + step.cells, 0);
      this.shown = { steps: withoutTheLastFew(steps), seconds, names: run.contract.clusters };
      await this.#draw();
    } catch (problem) {
      this.element.title = problem.message;
    } finally {
      if (this.run === run.id) Object.assign(this, { asking: false, at: performance.now() });
    }
  }

  async #draw() {
    if (!this.shown?.steps.length) return;
    const { steps, seconds, names } = this.shown;
    const times = [...new Set(steps.map((step) => step.start_s))].sort((a, b) => a - b);
    // A single stretch is drawn as long as it is.
    const ends = times.length > 1 ? times : [times[0], times[0] + seconds];
    const traces = names.map((name, group) => {
      const cells = new Map();
      for (const step of steps.filter((each) => each.group === String(group))) cells.set(step.start_s, (cells.get(step.start_s) ?? 0) + step.cells);
      return {
        x: ends, y: ends.map((_, k) => cells.get(times[Math.min(k, times.length - 1)]) ?? 0), name, stackgroup: "all", groupnorm: "percent", mode: "lines",
        line: { width: 0.5, color: groupColour(group) }, fillcolor: `${groupColour(group)}cc`, hovertemplate: `${name} %{y:.1f} %<extra></extra>`,
      };
    });
    const all = steps.reduce((sum, step) => sum + step.cells, 0);
    const last = steps.filter((step) => step.start_s === times.at(-1));
    const shares = (some, of) => names.map((name, group) => `${name} ${percent(some.filter((step) => step.group === String(group)).reduce((sum, step) => sum + step.cells, 0) / of)}`).join(", ");
    this.element.setAttribute("aria-label", `Shares of the clusters over time. Whole run: ${shares(steps, all)}. Last stretch: ${shares(last, last.reduce((sum, step) => sum + step.cells, 0))}.`);
    await chart(this.element, traces, {
      margin: { l: 34, r: 6, t: 4, b: 30 }, hovermode: "x",
      xaxis: { title: "time of the run (s)" }, yaxis: { range: [0, 100], ticksuffix: " %", nticks: 4 },
    });
  }
}
