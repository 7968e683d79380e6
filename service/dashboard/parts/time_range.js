// The run's history: cells over time, and which part of it is looked at.

import { getTimeline } from "../core/api.js";
import { fitCanvas, make, onceAFrame } from "../core/dom.js";
import { number } from "../core/format.js";
import { groupColour } from "../core/palette.js";
import { onThemeChange, themeColour } from "../core/theme.js";
import { stretch } from "./proportions.js";

const SETTLED_MS = 300;

export class TimeRange {
  /** `changed` gets the first and the last second, null for no bound. */
  constructor(changed) {
    this.canvas = make("canvas", { role: "img", "aria-label": "Cells over the time of the run" });
    const slider = (name, value) => make("input", { type: "range", min: 0, max: 1000, value, "aria-label": name, oninput: () => this.#moved() });
    this.from = slider("From this time on", 0);
    this.to = slider("Up to this time", 1000);
    this.note = make("span", { class: "note" });
    this.element = make("div", { class: "time-range" }, this.canvas, make("div", { class: "sliders" }, this.from, this.to));
    Object.assign(this, { changed, steps: [], length: 0, part: [null, null] });
    this.draw = onceAFrame(() => this.#draw());
    const observer = new ResizeObserver(this.draw);
    observer.observe(this.canvas);
    const forget = onThemeChange(this.draw);
    this.close = () => { observer.disconnect(); forget(); clearTimeout(this.timer); };
  }

  /** Ask for the run's history; `groups` colour it, null for no groups. */
  async load(run, part, groups) {
    this.part = part;
    const asked = this.asked = {};
    const by = groups?.column ?? "cluster";
    const guess = Math.max(run.run.ledger.samples / run.sampleRate, this.length, 1);
    const { steps, seconds } = await getTimeline(run.id, { by, seconds: stretch(guess) });
    if (this.asked !== asked) return;
    this.canvas.setAttribute("aria-label", `Cells over the time of the run${groups ? `, by ${by}` : ""}`);
    const of = groups ? (text) => groups.at(text) : () => null;
    this.steps = steps.map((step) => ({ ...step, group: of(step.group) })).sort((a, b) => a.start_s - b.start_s || a.group - b.group);
    Object.assign(this, { seconds, length: Math.max(seconds, ...steps.map((step) => step.start_s + seconds)) });
    this.from.value = part[0] === null ? 0 : (1000 * part[0]) / this.length;
    this.to.value = part[1] === null ? 1000 : (1000 * part[1]) / this.length;
    this.draw();
  }

  #moved() {
    const [low, high] = [Number(this.from.value), Number(this.to.value)].sort((a, b) => a - b);
    const round = (value) => Number(value.toPrecision(5));
    this.part = [low <= 0 ? null : round((low / 1000) * this.length), high >= 1000 ? null : round((high / 1000) * this.length)];
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.changed(this.part), SETTLED_MS);
  }

  #draw() {
    const { context, width, height } = fitCanvas(this.canvas);
    if (!this.length) return;
    const [low, high] = [this.part[0] ?? 0, this.part[1] ?? this.length];
    this.note.textContent = `${number(low)} to ${number(high)} s of ${number(this.length)} s`;
    const heights = new Map();
    for (const { start_s: start, cells } of this.steps) heights.set(start, (heights.get(start) ?? 0) + cells);
    const most = Math.max(1, ...heights.values());
    const at = (time) => (time / this.length) * width;
    context.fillStyle = themeColour("plot");
    context.fillRect(0, 0, width, height);
    const below = new Map();
    for (const { start_s: start, group, cells } of this.steps) {
      const under = below.get(start) ?? 0;
      below.set(start, under + cells);
      context.globalAlpha = start + this.seconds > low && start < high ? 0.9 : 0.2;
      context.fillStyle = group === null ? themeColour("accent") : groupColour(group);
      const wide = Math.max(1, at(this.seconds) - 0.5);
      context.fillRect(at(start), height - ((under + cells) / most) * (height - 2), wide, (cells / most) * (height - 2));
    }
    context.globalAlpha = 1;
    context.fillStyle = themeColour("ink");
    for (const time of [low, high]) context.fillRect(Math.min(width - 1, Math.max(0, at(time) - 0.5)), 0, 1, height);
  }
}
