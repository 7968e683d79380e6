// The volumes of a cell: each in a panel of its own, or of many channels the one that is chosen.

import { choice, make, panel } from "../core/dom.js";
import { words } from "../core/format.js";
import { Slices } from "./slices.js";
import { Volume } from "./volume.js";

// Each is a megabyte and a context of the graphics card, of which browsers have 16.
const MOST_AT_ONCE = 3;

export class Volumes {
  constructor(channels, run) {
    Object.assign(this, { run, shown: [] });
    if (channels.length <= MOST_AT_ONCE) {
      this.elements = channels.map((channel) => panel(`Volume: ${words(channel.name)}`, { name: "volume-panel" }, this.#pictures(channel)));
      return;
    }
    const place = make("div", {}, this.#pictures(channels[0]));
    const which = choice(channels.map(({ name }) => [name, words(name)]), channels[0].name, (wanted) => {
      this.close();
      place.replaceChildren(this.#pictures(channels.find(({ name }) => name === wanted)));
    }, { "aria-label": "Channel of the volume" });
    this.elements = [panel("Volume", { name: "volume-panel", beside: which }, place)];
  }

  close() {
    this.shown.forEach((volume) => volume.close());
    this.shown = [];
  }

  #pictures(channel) {
    const volume = new Volume(channel, this.run.pixel_um);
    this.shown.push(volume);
    const slices = new Slices(channel, this.run.run.instrument.grid.size_px, (method) => volume.restore(method));
    return make("div", { class: "pictures" }, slices.element, volume.element);
  }
}
