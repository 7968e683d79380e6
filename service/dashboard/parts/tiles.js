// Cells as small pictures, each with its number and the colour of its group.

import { imagePath } from "../core/api.js";
import { make } from "../core/dom.js";
import { groupColour } from "../core/palette.js";
import { picture } from "./picture.js";

/** A list of pictures; tiles that are there already are kept, so that nothing flickers. */
export class Tiles {
  /** `choose` gets the id of a picture that was clicked and the event; `groupOf` gives the group of a row. */
  constructor(label, choose, groupOf = (row) => row.cluster) {
    this.element = make("ol", { class: "tiles", "aria-label": label });
    Object.assign(this, { choose, groupOf, nameOf: (row) => row.label ?? row.class ?? "", selected: new Set(), known: new Map(), run: null });
  }

  /** Show rows in their order; without a run, nothing. */
  show(run, rows, pixel_um) {
    const known = run === this.run ? this.known : new Map();
    this.run = run;
    const kept = new Map();
    for (const row of rows) {
      const item = known.get(row.event_id) ?? this.#tile(row, pixel_um);
      const tile = item.firstChild;
      tile.style.setProperty("--group", groupColour(this.groupOf(row)));
      tile.lastChild.lastChild.textContent = this.nameOf(row);
      tile.classList.toggle("labelled", Boolean(row.label));
      kept.set(row.event_id, item);
    }
    for (const item of this.known.values()) {
      // A browser never forgets a picture that it still has to load, not even one that is nowhere any more.
      if (kept.get(Number(item.firstChild.dataset.cell)) !== item) item.querySelector("img").removeAttribute("src");
    }
    this.known = kept;
    this.element.replaceChildren(...kept.values());
    this.select(this.selected);
  }

  select(ids) {
    this.selected = ids;
    for (const [id, item] of this.known) item.firstChild.setAttribute("aria-pressed", String(ids.has(id)));
  }

  /** Whether a person is about to click one. */
  get held() {
    return this.element.matches(":hover") || this.element.querySelector(":focus-visible") !== null;
  }

  #tile(row, pixel_um) {
    const label = `Cell ${row.event_id}${row.class ? `, ${row.class}` : ""}${row.novel ? ", novel" : ""}`;
    const choose = (event) => this.choose(row.event_id, event);
    return make("li", {}, make("button",
      { class: "tile", type: "button", "data-cell": row.event_id, "data-novel": String(Boolean(row.novel)), title: label, onclick: choose },
      picture(imagePath(this.run, row.event_id), label, pixel_um, { label: false, lazy: true }),
      make("span", { class: "id" }, make("span", {}, `#${row.event_id}`), make("span"))));
  }
}
