// The runs of the data folder, found by words and sorted by any column, with what was lost of each in red.

import * as api from "../core/api.js";
import { make } from "../core/dom.js";
import { clockTime, count, words } from "../core/format.js";
import { linkTo } from "../core/router.js";
import * as store from "../core/store.js";

const total = (parts) => Object.values(parts).reduce((sum, value) => sum + value, 0);
/** Name of a column, what it is sorted by, and whether it is an amount. */
const COLUMNS = {
  started: [(run) => run.started_at], name: [(run) => run.request.name || "~"], source: [(run) => run.request.source], state: [stateOf],
  cells: [(run) => run.ledger.stored, true], rejected: [(run) => total(run.ledger.rejected), true], dropped: [(run) => total(run.ledger.dropped), true],
  "samples lost": [(run) => run.ledger.samples_lost, true], model: [(run) => run.bundle], samples: [(run) => run.request.record],
};
const KEPT = { none: "not kept", windows: "of events", full: "all kept" };
const WIDTH = Object.keys(COLUMNS).length + 3;

function stateOf(run) {
  return run.finish_reason ? words(run.finish_reason) : run.state;
}

const textOf = (run) => [run.id, run.request.name, run.request.source, run.bundle, stateOf(run), run.origin, clockTime(run.started_at)].join(" ").toLowerCase();

export class RunTable {
  /** `choose` gets which of the two to compare ("a" or "b") and the run; `changed` the words and the order. */
  constructor(choose, changed) {
    Object.assign(this, { choose, changed });
    this.find = make("input", { type: "search", placeholder: "find by name, source, model, state", "aria-label": "Find runs", oninput: () => changed({ find: this.find.value.trim() }) });
    this.note = make("span", { class: "note", role: "status" });
    this.rows = make("tbody");
    this.heads = new Map(Object.entries(COLUMNS).map(([name, [, amount]]) => {
      const turn = make("button", { type: "button", class: "sort", onclick: () => this.#turn(name) }, name);
      return [name, make("th", { scope: "col", class: amount ? "amount" : "" }, turn)];
    }));
    const mark = (text) => make("th", { scope: "col", class: "mark" }, text);
    this.element = make("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Runs" },
      make("table", { class: "table runs-table" }, make("thead", {}, make("tr", {}, mark("A"), mark("B"), ...this.heads.values(), make("th", { scope: "col" }, "for good"))), this.rows));
  }

  /** Show runs; `sort` is a column, with - before it for the largest first. */
  show(runs, { a, b, find = "", sort = "-started" }) {
    const pinned = store.get("pinned");
    const sign = JSON.stringify([runs, a, b, find, sort, [...pinned]]);
    if (sign === this.sign) return;
    Object.assign(this, { sign, sort });
    if (this.find.value.trim() !== find) this.find.value = find;
    const wanted = find.toLowerCase().split(/\s+/).filter(Boolean);
    const found = runs.filter((run) => wanted.every((word) => textOf(run).includes(word)));
    const name = sort.replace(/^-/, "");
    const [of] = COLUMNS[name] ?? COLUMNS.started;
    const way = sort.startsWith("-") ? -1 : 1;
    found.sort((one, other) => way * (of(one) < of(other) ? -1 : of(one) > of(other) ? 1 : 0));
    for (const [column, head] of this.heads) head.setAttribute("aria-sort", column !== name ? "none" : way < 0 ? "descending" : "ascending");
    this.note.textContent = runs.length ? `${count(found.length)} of ${count(runs.length)}` : "";
    this.rows.replaceChildren(...(found.length ? found.map((run) => this.#row(run, a, b, pinned.has(run.id)))
      : [make("tr", {}, make("td", { colspan: String(WIDTH), class: "muted" }, runs.length ? "No run has all of these words." : "No run yet. Start one in the live view."))]));
  }

  /** Sort by a column: amounts and times the largest first, and the other way round at the second press. */
  #turn(name) {
    const first = COLUMNS[name][1] || name === "started" ? `-${name}` : name;
    const other = first.startsWith("-") ? name : `-${name}`;
    this.changed({ sort: this.sort === first ? other : first });
  }

  #row(run, a, b, pinned) {
    const { ledger, request } = run;
    const called = request.name || clockTime(run.started_at);
    const mark = (which, chosen) => make("td", { class: "mark" }, make("input", {
      type: "radio", name: `run-${which}`, checked: chosen === run.id, "aria-label": `Take ${called} as ${which.toUpperCase()}`, onchange: () => this.choose(which, run.id),
    }));
    const amount = (value, bad = false) => make("td", { class: `number${bad && value ? " alarm" : ""}` }, count(value));
    const pin = make("input", { type: "checkbox", checked: pinned, "aria-label": `Keep ${called} for good`, onchange: () => this.#pin(run.id, pin) });
    return make("tr", { "data-run": run.id, "data-chosen": String(run.id === a) }, mark("a", a), mark("b", b),
      make("td", {}, make("a", { href: linkTo("explore", [run.id]) }, clockTime(run.started_at))), make("td", { class: "wide" }, request.name || "–"), make("td", { class: "wide", title: run.source }, request.source),
      make("td", { class: run.state === "failed" ? "alarm" : "", title: run.error }, stateOf(run)), amount(ledger.stored), amount(total(ledger.rejected)),
      amount(total(ledger.dropped), true), amount(ledger.samples_lost, true),
      make("td", {}, make("a", { href: linkTo("models", [run.id]) }, run.bundle)), make("td", {}, KEPT[request.record] ?? request.record), make("td", {}, pin));
  }

  async #pin(run, box) {
    try {
      await api.setPinned(run, box.checked);
      const pinned = new Set(store.get("pinned"));
      if (box.checked) pinned.add(run);
      else pinned.delete(run);
      store.set({ pinned });
    } catch (problem) {
      box.checked = !box.checked;
      this.note.textContent = problem.message;
    }
  }
}
