// The hierarchy of gates: how many cells each holds, and what share of the one that it lies in.

import { make } from "../core/dom.js";
import { count, percent } from "../core/format.js";

export class GateTree {
  /** `choose` gets the gate whose cells are wanted, null for all; `look` the one whose cells the plot shall show. */
  constructor(choose, look) {
    this.element = make("div", { class: "gate-tree", role: "group", "aria-label": "Gates" });
    Object.assign(this, { choose, look });
  }

  show(book, chosen, shown) {
    Object.assign(this, { book, chosen, shown });
    const focused = this.element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.element.replaceChildren(this.#list(null, book.total, [this.#row(null, "all cells", book.total, null)]));
    if (focused) this.element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  #list(parent, cells, before = []) {
    const items = this.book.inside(parent).sort((a, b) => a.name.localeCompare(b.name)).map((gate) => {
      const inner = this.#list(gate.name, gate.cells ?? 0);
      return make("li", {}, this.#row(gate.name, gate.name, gate.cells, cells), inner.children.length ? inner : null);
    });
    return make("ul", {}, ...before.map((row) => make("li", {}, row)), ...items);
  }

  #row(name, text, cells, of) {
    const share = of ? percent(cells / of) : "";
    const looking = this.shown === name;
    return make("div", { class: "gate-row", "data-chosen": String(this.chosen === name) },
      make("button", { type: "button", class: "gate-choose", "data-key": `choose ${name}`, "aria-pressed": String(this.chosen === name), onclick: () => this.choose(name) }, text),
      make("span", { class: "cells", "data-gate": name ?? "", title: "cells" }, cells === null || cells === undefined ? "–" : count(cells)),
      make("span", { class: "share", title: "of the gate that it lies in" }, share),
      make("button", { type: "button", class: "gate-look", "data-key": `look ${name}`, "aria-pressed": String(looking), title: `Plot the cells of ${text}`, "aria-label": `Plot the cells of ${text}`, onclick: () => this.look(name) }, "◉"));
  }
}
