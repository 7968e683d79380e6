// Gates of a run as a file of Gating-ML, out and in; and how many cells have which label.

import * as api from "../core/api.js";
import { make } from "../core/dom.js";
import { count } from "../core/format.js";

export class GatesAndLabels {
  constructor() {
    this.out = make("a", { download: true }, "Gates as Gating-ML");
    this.file = make("input", { type: "file", accept: ".xml,text/xml,application/xml", "aria-label": "Gating-ML file to add", onchange: () => this.#add() });
    this.said = make("span", { class: "note", role: "status" });
    this.labels = make("p", { class: "note" });
    this.train = make("details", { hidden: true }, make("summary", {}, "Train a model on them"), this.command = make("code"), make("p", { class: "note" }, "On the service's computer, once two runs or more have labels: the last one given is held out to measure with."));
    this.element = make("div", { class: "exporting" }, this.out, make("label", { class: "field" }, "Add gates of a file", this.file), this.said, this.labels, this.train);
  }

  async show(run) {
    this.run = run;
    this.out.href = `${api.runPath(run)}/gates.xml`;
    this.said.textContent = "";
    try {
      const { counts } = await api.getLabels(run);
      if (run !== this.run) return;
      const names = Object.entries(counts).map(([name, cells]) => `${name} ${count(cells)}`);
      this.train.hidden = !names.length;
      this.command.textContent = `lightline train classifier2d --data DATA/runs/OTHER --data DATA/runs/${run} --out better.bundle`;
      this.labels.textContent = names.length ? `Labels: ${names.join(", ")}` : "No cell has a label; they are given in Explore.";
    } catch (problem) {
      this.labels.textContent = problem.message;
    }
  }

  async #add() {
    const [file] = this.file.files;
    if (!file) return;
    try {
      const { names } = await api.addGates(this.run, await file.text());
      this.said.textContent = `added ${names.join(", ")}`;
    } catch (problem) {
      this.said.textContent = problem.message;
    } finally {
      this.file.value = "";
    }
  }
}
