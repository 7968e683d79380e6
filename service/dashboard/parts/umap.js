// UMAP of the cells that are looked at: shown at a press, and made first where nobody had it made.

import * as api from "../core/api.js";
import { make, tried } from "../core/dom.js";
import { goesOn } from "../core/run.js";
import { TaskLine } from "./task_line.js";

const AXES = { x: "umap1", y: "umap2", xs: "linear", ys: "linear" };

export class Umap {
  /** `show` gets the axes to plot; `made` is told that there are columns that were not there before. */
  constructor(show, made) {
    Object.assign(this, { show, made });
    // Until it is known which run it is for.
    this.button = make("button", { type: "button", disabled: true, onclick: () => this.#press() }, "UMAP");
    this.line = new TaskLine(() => tried(this.said, async () => {
      await this.made();
      this.show(AXES);
    }));
    this.said = make("span", { class: "error", role: "alert" });
    this.element = make("span", { class: "umap" }, this.button, this.line.element, this.said);
  }

  close() {
    this.line.close();
  }

  /** Offer it for a run with these maps. */
  look(run, maps) {
    this.run = run;
    this.there = maps.some(({ kind }) => kind === "umap");
    const early = !this.there && goesOn(run.run);
    this.button.disabled = early;
    this.button.title = early ? "When the run has ended" : `${this.there ? "Plot" : "Have made, which takes a minute or more,"} a map in which cells that the model finds alike are near each other`;
    if (!this.there && !early) this.line.show({ kind: "umap", run: run.id, results: run.results });
  }

  #press() {
    if (this.there) return this.show(AXES);
    return tried(this.said, async () => this.line.show({}, await api.makeMap(this.run.id)));
  }
}
