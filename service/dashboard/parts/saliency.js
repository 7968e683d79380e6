// What in the image speaks for a class or cluster, laid over it.

import { address, follow } from "../core/api.js";
import { field, make } from "../core/dom.js";
import { picture } from "./picture.js";

const MOST_LIKELY = "target=-1";
const COLOURS = { ordered: "ever lighter", jet: "jet, as in papers" };
const WAYS = { gradient: "the model's own map", occlusion: "emptying patches", covering: "covering the cell" };

/** The picture, with what it is evidence for and how strongly it is laid over the image. */
export class Saliency {
  /** `evidence` is what to begin with, such as `cluster=2`, null for the most likely; `chosen` is told another choice. */
  constructor(cell, answers, evidence, chosen) {
    this.cell = cell;
    const [first] = cell.channels;
    const group = (what, names, label) => make("optgroup", { label }, ...names.map((name, index) => make("option", { value: `${what}=${index}` }, name)));
    const clusters = answers.explained_clusters;
    const choose = () => {
      chosen(this.target.value === MOST_LIKELY ? null : this.target.value);
      this.#ask();
    };
    this.target = make("select", { onchange: choose }, make("option", { value: MOST_LIKELY }, "most likely"),
      group("target", answers.targets, answers.classes.length ? "class" : "cluster, by its head"), clusters.length ? group("cluster", clusters, "cluster, by the mixture") : null);
    if (evidence && [...this.target.options].some(({ value }) => value === evidence)) this.target.value = evidence;
    this.way = make("select", { name: "by", onchange: () => this.#ask() }, ...Object.entries(WAYS).map(([value, name]) => make("option", { value }, name)));
    this.colours = make("select", { name: "colours", onchange: () => this.#ask() }, ...Object.entries(COLOURS).map(([value, name]) => make("option", { value }, name)));
    this.opacity = make("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0.6, onchange: () => this.#ask() });
    this.frame = picture(this.#source, `Saliency of cell ${cell.event_id}`, first.pixel_um);
    this.caption = make("figcaption", { id: "evidence", "aria-live": "polite" }, "…");
    this.element = make("figure", { id: "saliency" }, this.frame, this.caption,
      make("div", { class: "controls" }, field("Evidence for", this.target), field("By", this.way), field("Overlay", this.opacity), field("Colours", this.colours)));
    this.#say();
  }

  get #asked() {
    return { ...Object.fromEntries([this.target.value.split("=")]), by: this.way.value };
  }

  get #source() {
    return address(this.cell.saliency.png, { ...this.#asked, opacity: this.opacity.value, colours: this.colours.value });
  }

  #ask() {
    this.frame.querySelector("img").src = this.#source;
    this.#say();
  }

  async #say() {
    const [asked, way] = [this.target.value, this.way.value];
    try {
      const found = await follow(address(this.cell.saliency.about, this.#asked));
      if (asked !== this.target.value || way !== this.way.value) return;
      this.caption.textContent = found.empty
        ? `nothing in the image speaks for ${found.name}`
        : `what speaks for ${found.name} (${found.method.replaceAll("_", found.method.startsWith("reverse") ? " " : "-")})`;
    } catch (problem) {
      this.caption.textContent = problem.message;
    }
  }
}
