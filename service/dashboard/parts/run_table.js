// The runs of the data folder, with what was lost of each in red.

import { make } from "../core/dom.js";
import { clockTime, count, words } from "../core/format.js";
import { linkTo } from "../core/router.js";

const total = (parts) => Object.values(parts).reduce((sum, value) => sum + value, 0);
const HEADS = ["A", "B", "started", "source", "state", "cells", "rejected", "dropped", "samples lost", "model", "kept"];
const AMOUNTS = ["cells", "rejected", "dropped", "samples lost"];

export class RunTable {
  /** `choose` gets which of the two to compare ("a" or "b") and the run. */
  constructor(choose) {
    this.choose = choose;
    this.rows = make("tbody");
    const heads = HEADS.map((text) => make("th", { scope: "col", class: text.length === 1 ? "mark" : AMOUNTS.includes(text) ? "amount" : "" }, text));
    this.element = make("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Runs" },
      make("table", { class: "table runs-table" }, make("thead", {}, make("tr", {}, ...heads)), this.rows));
  }

  show(runs, { a, b }) {
    const sign = JSON.stringify([runs, a, b]);
    if (sign === this.sign) return;
    this.sign = sign;
    this.rows.replaceChildren(...(runs.length ? runs.map((run) => this.#row(run, a, b))
      : [make("tr", {}, make("td", { colspan: String(HEADS.length), class: "muted" }, "No run yet. Start one in the live view."))]));
  }

  #row(run, a, b) {
    const { ledger } = run;
    const mark = (which, chosen) => make("td", { class: "mark" }, make("input", {
      type: "radio", name: `run-${which}`, checked: chosen === run.id, "aria-label": `Take ${clockTime(run.started_at)} as ${which.toUpperCase()}`, onchange: () => this.choose(which, run.id),
    }));
    const amount = (value, bad = false) => make("td", { class: `number${bad && value ? " alarm" : ""}` }, count(value));
    const state = run.finish_reason ? words(run.finish_reason) : run.state;
    return make("tr", { "data-run": run.id }, mark("a", a), mark("b", b),
      make("td", {}, make("a", { href: linkTo("explore", [run.id]) }, clockTime(run.started_at))), make("td", { class: "wide" }, run.request.source),
      make("td", { class: run.state === "failed" ? "alarm" : "", title: run.error }, state), amount(ledger.stored), amount(total(ledger.rejected)),
      amount(total(ledger.dropped), true), amount(ledger.samples_lost, true),
      make("td", {}, make("a", { href: linkTo("models", [run.id]) }, run.bundle)), make("td", {}, run.request.record));
  }
}
