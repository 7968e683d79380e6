// A volume as pictures: one slice, or the largest value along an axis; restored or as it was measured.

import { address } from "../core/api.js";
import { choice, field, make } from "../core/dom.js";
import { words } from "../core/format.js";
import { picture } from "./picture.js";

const AXES = [["x", "pinholes (x)"], ["y", "flow (y)"], ["z", "scan (z)"]];

export class Slices {
  constructor(channel, depth, restored) {
    Object.assign(this, { channel, restore: "none", restored });
    const name = words(channel.name);
    this.frame = picture(this.#source(), `${name}, largest value along x`, channel.pixel_um);
    this.image = this.frame.querySelector("img");
    this.caption = make("figcaption");
    this.place = make("input", { type: "range", min: 0, max: depth - 1, value: Math.floor(depth / 2), "aria-label": "Slice along the scan" });
    this.place.addEventListener("input", () => { this.how.value = "slice"; this.#show(); });
    this.how = choice([...AXES.map(([axis, text]) => [axis, `largest along ${text}`]), ["slice", "one slice"]], "x", () => this.#show());
    const methods = [["none", "as measured"], ...channel.restore.map((method) => [method, words(method)])];
    this.method = choice(methods, "none", () => { this.restored(this.method.value); this.#show(); });
    this.element = make("figure", { class: "slices" }, this.frame, this.caption,
      make("div", { class: "controls" }, field("Show", this.how), field("Slice", this.place), field("Volume", this.method)));
    this.#show();
  }

  #source() {
    const part = !this.how || this.how.value !== "slice" ? { axis: this.how?.value ?? "x" } : { z: this.place.value };
    return address(this.channel.png, { ...part, restore: this.method?.value ?? "none" });
  }

  #show() {
    const slice = this.how.value === "slice";
    const z_um = (Number(this.place.value) + 0.5) * this.channel.pixel_um;
    this.caption.textContent = slice
      ? `${words(this.channel.name)}, slice ${this.place.value} at ${z_um.toFixed(2)} µm of the scan`
      : `${words(this.channel.name)}, largest value along ${this.how.value}`;
    this.image.alt = this.caption.textContent;
    const source = this.#source();
    if (this.image.getAttribute("src") !== source) this.image.src = source;
  }
}
