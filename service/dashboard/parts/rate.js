// Events per second, now and over the last minute.

import { fitCanvas, make } from "../core/dom.js";
import { number } from "../core/format.js";
import { onThemeChange, themeColour } from "../core/theme.js";

const SECONDS = 60;

export class RatePlot {
  constructor() {
    this.now = make("output", { id: "rate" }, "–");
    this.figure = make("p", { class: "figure" }, this.now, " ", make("span", { class: "unit" }, "events/s"));
    this.element = make("canvas", { class: "rate-plot", role: "img", "aria-label": "Event rate over the last minute" });
    this.history = [];
    this.at = 0;
    this.close = onThemeChange(() => this.draw());
  }

  /** Show a rate, null where nothing is acquired; once a second it becomes a part of the line. */
  show(eventsPerSecond) {
    this.now.textContent = eventsPerSecond === null ? "–" : number(eventsPerSecond);
    if (performance.now() - this.at < 1000) return;
    this.at = performance.now();
    this.history.push(eventsPerSecond ?? 0);
    if (this.history.length > SECONDS) this.history.shift();
    this.draw();
  }

  /** Forget what was before, as of another run. */
  clear() {
    this.history = [];
    this.draw();
  }

  draw() {
    const now = this.history.at(-1) ?? 0;
    this.element.setAttribute("aria-label", `Event rate over the last minute: now ${number(now)} a second, at most ${number(Math.max(0, ...this.history))}`);
    const { context, width, height } = fitCanvas(this.element);
    const top = Math.max(1, ...this.history);
    context.fillStyle = themeColour("line");
    context.fillRect(0, height - 1, width, 1);
    context.strokeStyle = themeColour("accent");
    context.lineWidth = 1.5;
    context.beginPath();
    this.history.forEach((value, index) => context.lineTo(
      width - (this.history.length - 1 - index) * (width / (SECONDS - 1)), height - 2 - (height - 6) * (value / top)));
    context.stroke();
  }
}
