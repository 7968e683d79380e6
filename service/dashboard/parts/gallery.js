// The latest cells as pictures; it holds still while someone points at it.

import { imagePath } from "./api.js";
import { byId, make } from "./dom.js";
import { clusterColour } from "./palette.js";
import { picture } from "./picture.js";

const SHOWN = 36;
const REFRESH_MS = 2000;

export class Gallery {
  constructor(choose) {
    this.list = byId("gallery");
    this.choose = choose;
    this.clear(null);
  }

  clear(run) {
    this.run = run;
    this.latest = [];
    this.drawn = "";
    this.drawnAt = 0;
    this.selected = null;
    this.list.replaceChildren();
    byId("gallery-note").textContent = "";
  }

  add(rows) {
    this.latest = [...this.latest, ...rows.slice(-SHOWN)].slice(-SHOWN);
  }

  select(id) {
    this.selected = id;
    for (const tile of this.list.querySelectorAll(".tile")) {
      tile.setAttribute("aria-pressed", String(Number(tile.dataset.cell) === id));
    }
  }

  /** Show the newest cells first, unless a person is about to click one. */
  refresh(pixel_um) {
    const wanted = this.latest.map((cell) => cell.event_id).join();
    const held = this.drawn !== "" && (this.list.matches(":hover") || this.list.querySelector(":focus-visible") !== null);
    byId("gallery-note").textContent = held && wanted !== this.drawn ? "held while you point at it" : this.#note(pixel_um);
    if (held || wanted === this.drawn || Date.now() - this.drawnAt < REFRESH_MS) return;
    this.drawn = wanted;
    this.drawnAt = Date.now();
    const known = new Map([...this.list.children].map((item) => [Number(item.firstChild.dataset.cell), item]));
    const items = this.latest.toReversed().map((cell) => known.get(cell.event_id) ?? this.#tile(cell, pixel_um));
    this.list.replaceChildren(...items);
  }

  #note(pixel_um) {
    return this.latest.length ? `scale bar 5 µm · ${pixel_um} µm per pixel` : "";
  }

  #tile(cell, pixel_um) {
    const label = `Cell ${cell.event_id}${cell.class ? `, ${cell.class}` : ""}${cell.novel ? ", novel" : ""}`;
    const tile = make(
      "button",
      {
        class: "tile", type: "button", "data-cell": cell.event_id, "data-novel": Boolean(cell.novel).toString(), title: label,
        "aria-pressed": String(cell.event_id === this.selected), onclick: () => this.choose(cell.event_id),
      },
      picture(imagePath(this.run, cell.event_id), label, pixel_um, { label: false, lazy: true }),
      make("span", { class: "id" }, `#${cell.event_id}${cell.class ? ` ${cell.class}` : ""}`),
    );
    tile.style.setProperty("--cluster", clusterColour(cell.cluster));
    return make("li", {}, tile);
  }
}
