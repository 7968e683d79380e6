// All runs: what became of each, two of them side by side, and files of them.

import { make, panel } from "../core/dom.js";
import { runTitle } from "../core/format.js";
import { linkTo, note } from "../core/router.js";
import * as store from "../core/store.js";
import { Answering } from "../parts/answering.js";
import { Compare } from "../parts/compare.js";
import { Exporting } from "../parts/exporting.js";
import { GatesAndLabels } from "../parts/gating_ml.js";
import { RunTable } from "../parts/run_table.js";

const START = { by: "class", column: "area_um2" };

export const title = "Runs";

export function open(root, place) {
  const view = new RunsView(root);
  view.move(place);
  return view;
}

class RunsView {
  constructor(root) {
    this.table = new RunTable((which, run) => this.#set({ [which]: run }), (news) => this.#set(news));
    this.compare = new Compare((news) => this.#set(news));
    this.exporting = new Exporting();
    this.gates = new GatesAndLabels();
    // Another result set is news for the header's list, too.
    this.answering = new Answering(() => { store.set({ sets: (store.get("sets") ?? 0) + 1 }); this.#show(); });
    this.taken = make("span", { class: "note" });
    root.classList.add("runs");
    root.append(make("div", { class: "column" },
      panel("Runs", { name: "grows", beside: make("span", { class: "finding" }, this.table.note, this.table.find) }, this.table.element),
      make("div", { class: "pair" }, panel("Take away run A", { beside: this.taken }, this.exporting.element, this.gates.element),
        panel("Who answered for run A", {}, this.answering.element)),
      panel("A and B side by side", { name: "compare-panel" }, this.compare.element)));
    this.unwatch = store.watch("runs", () => this.#show());
  }

  close() {
    this.unwatch();
    this.compare.close();
    this.exporting.close();
    this.answering.close();
  }

  move({ args, query }) {
    this.query = { a: args[0] ?? null, b: null, ...START, ...query };
    this.#show();
  }

  #set(news) {
    this.query = { ...this.query, ...news };
    const { a, ...rest } = this.query;
    note(linkTo("runs", a ? [a] : [], rest));
    this.#show();
  }

  #show() {
    if (!this.query) return;
    const runs = store.get("runs");
    const a = this.query.a ?? runs[0]?.id ?? null;
    const b = this.query.b ?? runs.find(({ id }) => id !== a)?.id ?? null;
    this.table.show(runs, { ...this.query, a, b });
    if (!a) return;
    const run = runs.find(({ id }) => id === a);
    this.taken.textContent = run ? runTitle(run) : a;
    this.exporting.show(a);
    this.gates.show(a);
    if (run) this.answering.show(run);
    const cells = runs.filter(({ id }) => id === a || id === b).map(({ ledger }) => ledger.stored);
    this.compare.show([a, b ?? a], { ...this.query, cells, sets: store.get("sets") });
  }
}
