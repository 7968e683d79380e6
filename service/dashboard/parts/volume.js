// A volume that can be turned: surfaces of equal value, by Plotly.

import { request } from "../core/api.js";
import { chart, endChart } from "../core/charts.js";
import { make } from "../core/dom.js";
import { words } from "../core/format.js";
import { readNpy } from "../core/npy.js";
import { onThemeChange, themeColour } from "../core/theme.js";

const EDGE = 32;
/** Shares of the largest value that surfaces are drawn at. */
const LEAST = 0.2;
const MOST = 0.9;
const SURFACES = 4;

export class Volume {
  constructor(channel, pixel_um) {
    Object.assign(this, { channel, pixel_um, method: "none" });
    this.plot = make("div", { class: "chart volume", role: "img", "aria-label": `${words(channel.name)} as a volume to turn` });
    this.said = make("button", { class: "empty", type: "button", onclick: () => this.#take() }, "Show as surfaces to turn");
    this.element = make("figure", {}, make("div", { class: "volume-frame" }, this.plot, this.said),
      make("figcaption", {}, "surfaces of equal value; drag to turn, wheel to come closer"));
    this.forget = onThemeChange(() => this.#draw());
  }

  close() {
    this.closed = true;
    this.forget();
    endChart(this.plot);
  }

  restore(method) {
    this.method = method;
    if (this.volume) this.#take();
  }

  async #take() {
    const { method } = this;
    this.said.textContent = "Making the surfaces …";
    try {
      const response = await request(`${this.channel.npy}?restore=${method}`);
      const volume = readNpy(await response.arrayBuffer());
      if (this.closed || this.method !== method) return;
      this.volume = coarse(volume, EDGE);
      await this.#draw();
      this.said.hidden = true;
    } catch (problem) {
      this.said.textContent = problem.message;
    }
  }

  async #draw() {
    if (!this.volume || this.closed) return;
    const { values, shape, step } = this.volume;
    const most = values.reduce((a, b) => Math.max(a, b), 1e-9);
    const at = (index) => (index + 0.5) * step * this.pixel_um;
    const [z, y, x] = [[], [], []];
    for (let k = 0; k < values.length; k += 1) {
      z.push(at(Math.floor(k / (shape[1] * shape[2]))));
      y.push(at(Math.floor(k / shape[2]) % shape[1]));
      x.push(at(k % shape[2]));
    }
    const side = (title) => ({
      title: { text: title }, color: themeColour("muted"), gridcolor: themeColour("grid"), showbackground: false, zeroline: false, nticks: 5,
    });
    await chart(this.plot, [{
      type: "isosurface", x, y, z, value: Array.from(values), isomin: LEAST * most, isomax: MOST * most, opacity: 0.28, showscale: false,
      surface: { count: SURFACES }, caps: { x: { show: false }, y: { show: false }, z: { show: false } },
      colorscale: [[0, "#0072b2"], [0.5, "#56b4e9"], [1, "#f0e442"]], hoverinfo: "skip",
    }], {
      margin: { l: 0, r: 0, t: 0, b: 0 }, uirevision: "kept",
      scene: { xaxis: side("x (µm)"), yaxis: side("flow y (µm)"), zaxis: side("scan z (µm)"), aspectmode: "data", camera: { eye: { x: 1.4, y: 1.4, z: 0.9 } } },
    });
  }
}

/** Mean over blocks, so that no edge has more than `edge` values; light that is below nothing is nothing. */
function coarse({ data, shape }, edge) {
  const step = Math.max(1, Math.ceil(Math.max(...shape) / edge));
  const small = shape.map((size) => Math.floor(size / step));
  const values = new Float32Array(small[0] * small[1] * small[2]);
  for (let z = 0; z < small[0] * step; z += 1) {
    for (let y = 0; y < small[1] * step; y += 1) {
      for (let x = 0; x < small[2] * step; x += 1) {
        const place = (Math.floor(z / step) * small[1] + Math.floor(y / step)) * small[2] + Math.floor(x / step);
        values[place] += Math.max(0, data[(z * shape[1] + y) * shape[2] + x]) / step ** 3;
      }
    }
  }
  return { values, shape: small, step };
}
