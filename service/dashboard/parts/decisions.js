// What a run publishes for a sorter: how many decisions, how fast, and what was missed.

import { make } from "../core/dom.js";
import { count, number, percent } from "../core/format.js";

const OVER_MS = 2000;

export class Decisions {
  constructor() {
    this.list = make("dl", { class: "about facts" });
    this.element = make("section", { class: "panel", "aria-label": "Sort decisions", hidden: true }, make("div", { class: "panel-head" }, make("h2", {}, "Sort decisions")), this.list);
    this.seen = [];
  }

  show({ sort }) {
    this.element.hidden = !sort;
    if (!sort) return;
    const { decided, selected, missed, subscribers, latency } = sort;
    const rows = [
      ["gate", sort.gate], ["address", sort.address], ["subscribers", subscribers ? count(subscribers) : "none: nobody takes the decisions", subscribers === 0],
      ["decided", `${count(decided)}, ${number(this.#rate(decided))} a second`],
      ["to sort", decided ? `${count(selected)}, ${percent(selected / decided)}` : "0"],
      ["after", latency.count ? `${number(latency.p50_ms)} ms median, ${number(latency.p99_ms)} ms 99 %, ${number(latency.max_ms)} ms longest` : "no decision yet"],
      ["missed", count(missed), missed > 0],
    ];
    this.list.replaceChildren(...rows.map(([name, value, bad]) => make("div", {}, make("dt", {}, name), make("dd", { class: bad ? "alarm" : "" }, value))));
  }

  /** Decisions per second over the last two. */
  #rate(decided) {
    const now = performance.now();
    if (this.seen.length && decided < this.seen.at(-1).decided) this.seen = [];
    this.seen.push({ now, decided });
    while (this.seen.length > 2 && now - this.seen[1].now > OVER_MS) this.seen.shift();
    const first = this.seen[0];
    return now - first.now < 100 ? 0 : Math.round((10_000 * (decided - first.decided)) / (now - first.now)) / 10;
  }
}
