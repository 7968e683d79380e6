// What in the image speaks for a class or cluster, laid over it.

import { follow } from "../core/api.js";
import { choice, field, make } from "../core/dom.js";
import { picture } from "./picture.js";

/** The picture, with what it is evidence for and how strongly it is laid over the image. */
export class Saliency {
  constructor(cell, answers) {
    this.cell = cell;
    const [first] = cell.channels;
    const targets = [["target=-1", "most likely"], ...answers.targets.map((name, index) => [`target=${index}`, name]),
      ...answers.explained_clusters.map((name, index) => [`cluster=${index}`, `cluster: ${name}`])];
    this.target = choice(targets, "target=-1", () => this.#ask());
    this.opacity = make("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0.6, onchange: () => this.#ask() });
    this.frame = picture(`${cell.saliency.png}?target=-1&opacity=0.6`, `Saliency of cell ${cell.event_id}`, first.pixel_um);
    this.caption = make("figcaption", { id: "evidence", "aria-live": "polite" }, "…");
    this.element = make("figure", { id: "saliency" }, this.frame, this.caption,
      make("div", { class: "controls" }, field("Evidence for", this.target), field("Overlay", this.opacity)));
    this.#say();
  }

  #ask() {
    this.frame.querySelector("img").src = `${this.cell.saliency.png}?${this.target.value}&opacity=${this.opacity.value}`;
    this.#say();
  }

  async #say() {
    const asked = this.target.value;
    try {
      const found = await follow(`${this.cell.saliency.about}?${asked}`);
      if (asked !== this.target.value) return;
      this.caption.textContent = found.empty
        ? `nothing in the image speaks for ${found.name}`
        : `what speaks for ${found.name} (${found.method.replaceAll("_", "-")})`;
    } catch (problem) {
      this.caption.textContent = problem.message;
    }
  }
}
