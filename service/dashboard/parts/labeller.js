// Says what cells are: a label for some of them, kept by the service.

import * as api from "../core/api.js";
import { make } from "../core/dom.js";

let lists = 0;

export class Labeller {
  /** `wanted` gives `{ events }` or `{ where }` of the cells to label, null for none; `done` is told the label. */
  constructor(run, wanted, done) {
    Object.assign(this, { run, wanted, done });
    const list = `labels-${(lists += 1)}`;
    this.input = make("input", { list, maxlength: "64", placeholder: "label", "aria-label": "Label", size: "12" });
    this.names = make("datalist", { id: list });
    this.said = make("span", { class: "note", role: "status" });
    this.element = make("form", { class: "labeller", autocomplete: "off" }, this.input, this.names,
      make("button", { type: "submit" }, "Label"),
      make("button", { type: "button", onclick: () => this.#give(null) }, "Clear"), this.said);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      const label = this.input.value.trim();
      if (label) this.#give(label);
      else this.input.focus();
    });
    this.#names();
  }

  async #names() {
    try {
      const { counts } = await api.getLabels(this.run);
      const names = [...new Set([...Object.keys(counts), ...this.suggested ?? []])];
      this.names.replaceChildren(...names.map((name) => make("option", { value: name })));
    } catch (problem) {
      this.said.textContent = problem.message;
    }
  }

  async #give(label) {
    const cells = this.wanted();
    if (!cells) {
      this.said.textContent = "Choose cells first.";
      return;
    }
    try {
      await api.giveLabel(this.run, { label, ...cells });
      this.said.textContent = label ? `labelled ${label}` : "label taken away";
      this.done(label);
      this.#names();
    } catch (problem) {
      this.said.textContent = problem.message;
    }
  }
}
