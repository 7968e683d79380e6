// How long every stage takes, and how full the queues between them are.

import { make } from "../core/dom.js";
import { number, words } from "../core/format.js";

const LEAST_MS = 0.1;
const MOST_MS = 10000;

const place = (value) => `${(100 * Math.max(0, Math.log(Math.max(value, LEAST_MS) / LEAST_MS) / Math.log(MOST_MS / LEAST_MS))).toFixed(1)}%`;

function stage(name, { p50_ms, p99_ms, max_ms }) {
  const span = make("span", { class: "span" });
  span.style.left = place(p50_ms);
  span.style.right = `calc(100% - ${place(p99_ms)})`;
  const most = make("span", { class: "most" });
  most.style.left = place(max_ms);
  const times = [p50_ms, p99_ms, max_ms].map((ms) => make("td", {}, number(Number(ms.toPrecision(3)))));
  return make("tr", {}, make("th", { scope: "row" }, words(name)), ...times, make("td", { class: "drawn" }, make("span", { class: "track", "aria-hidden": "true" }, span, most)));
}

function queue(name, { size, bound, policy }) {
  const fill = make("div", { class: "fill" });
  fill.style.width = `${(100 * size) / bound}%`;
  const full = size >= bound && policy !== "wait";
  return [make("span", { class: "name" }, words(name)), make("div", { class: `track${full ? " alarm" : ""}` }, fill),
    make("span", { class: "value" }, `${size} of ${bound}`)];
}

/** The table of stages and the fill of queues. */
export class Stages {
  constructor() {
    this.rows = make("tbody");
    this.queues = make("div", { class: "bars queues", "aria-label": "Queues between stages", role: "group" });
    const head = ["stage", "median", "99 %", "longest", "0.1 ms to 10 s"].map((text) => make("th", { scope: "col" }, text));
    this.element = make("div", {}, make("table", { class: "stages" }, make("thead", {}, make("tr", {}, ...head)), this.rows), this.queues);
  }

  show({ latency, queues }) {
    const sign = JSON.stringify([latency, queues]);
    if (sign === this.shown) return;
    this.shown = sign;
    const stages = Object.entries(latency);
    this.rows.replaceChildren(...(stages.length ? stages.map(([name, value]) => stage(name, value))
      : [make("tr", {}, make("td", { colspan: "5", class: "muted" }, "Measured while a run goes on, in milliseconds."))]));
    this.queues.replaceChildren(...Object.entries(queues).flatMap(([name, value]) => queue(name, value)));
  }
}
