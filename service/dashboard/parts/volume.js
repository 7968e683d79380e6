// A volume that can be turned: the brightest value along every line of sight, or light through a translucent body.

import { address, request } from "../core/api.js";
import { choice, draw, field, make, onceAFrame } from "../core/dom.js";
import { words } from "../core/format.js";
import { readNpy } from "../core/npy.js";
import { barLength } from "./picture.js";
import { edgesOf, turned } from "./turning.js";
import { VolumeRays } from "./volume_rays.js";

const KINDS = [["brightest", "brightest value"], ["translucent", "translucent"]];
const START = { yaw: 0.6, pitch: 0.35 };
const REACH = 0.85;
const STEP = 0.12;
const TURN_PER_S = 0.7;

export class Volume {
  constructor(channel, pixel_um) {
    Object.assign(this, { channel, pixel_um, method: "none", ...START, closer: 1 });
    const name = words(channel.name);
    this.canvas = make("canvas", { tabindex: "0", role: "application", "aria-label": `${name} as a volume; drag or arrow keys turn it, + and - come closer` });
    this.lines = draw("svg", { class: "volume-lines" });
    this.bar = make("span", { class: "scale-bar", hidden: true });
    this.said = make("p", { class: "empty" }, "Making the volume …");
    this.kind = choice(KINDS, "brightest", () => this.draw());
    this.least = make("input", { type: "range", min: 0, max: 0.9, step: 0.02, value: 0.06, oninput: () => this.draw() });
    this.going = make("input", { type: "checkbox", onchange: () => this.#turn() });
    this.element = make("figure", {},
      make("div", { class: "picture volume-frame" }, this.canvas, this.lines, this.bar, this.said),
      make("figcaption", {}, `${name}; black is below the least value, white the largest`),
      make("div", { class: "controls" }, field("Show", this.kind), field("Least", this.least), field("Turning", this.going)));
    this.draw = onceAFrame(() => this.#draw());
    this.observer = new ResizeObserver(this.draw);
    this.observer.observe(this.canvas);
    this.#listen();
    this.#take();
  }

  close() {
    this.closed = true;
    this.observer.disconnect();
    this.rays?.close();
  }

  /** Show the volume restored by a method, or as it was measured. */
  restore(method) {
    this.method = method;
    this.#take();
  }

  async #take() {
    const { method } = this;
    try {
      this.rays ??= new VolumeRays(this.canvas);
      const response = await request(address(this.channel.npy, { restore: method }));
      const volume = readNpy(await response.arrayBuffer());
      if (this.closed || this.method !== method) return;
      this.shape = volume.shape;
      this.rays.load(volume);
      this.said.hidden = true;
      this.draw();
    } catch (problem) {
      this.said.textContent = problem.message;
    }
  }

  #draw() {
    const wide = this.canvas.clientWidth;
    if (!this.shape || this.closed || wide < 2) return;
    const turn = turned(this.yaw, this.pitch);
    const reach = REACH / this.closer;
    this.rays.draw({ turn, reach, least: Number(this.least.value), translucent: this.kind.value === "translucent" });
    this.lines.setAttribute("viewBox", "-1 -1 2 2");
    const marks = edgesOf(this.shape, turn, reach).flatMap(({ from, to, name }) => {
      const line = draw("line", { x1: from[0], y1: -from[1], x2: to[0], y2: -to[1], class: name ? "named" : "" });
      const away = (k) => ((from[k] + to[k]) / 2) * 1.1;
      // A name beside the edge of the frame is written inwards.
      const anchor = away(0) < -0.8 ? "start" : away(0) > 0.8 ? "end" : "middle";
      return name ? [line, draw("text", { x: Math.max(-0.98, Math.min(0.98, away(0))), y: Math.min(0.96, -away(1)), "text-anchor": anchor }, name)] : [line];
    });
    this.lines.replaceChildren(...marks);
    // Lines of sight are parallel, so one bar holds everywhere.
    const field_um = 2 * reach * Math.max(...this.shape) * this.pixel_um;
    const length = barLength(field_um);
    this.bar.style.width = `${(100 * length) / field_um}%`;
    this.bar.dataset.label = `${length} µm`;
    this.bar.hidden = false;
  }

  #turn() {
    let last = performance.now();
    const step = (now) => {
      if (!this.going.checked || this.closed) return;
      this.yaw += ((now - last) / 1000) * TURN_PER_S;
      last = now;
      this.#draw();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  #listen() {
    let from = null;
    const to = (yaw, pitch) => {
      Object.assign(this, { yaw, pitch: Math.max(-1.5, Math.min(1.5, pitch)) });
      this.draw();
    };
    const closer = (factor) => { this.closer = Math.max(0.7, Math.min(6, this.closer * factor)); this.draw(); };
    this.canvas.addEventListener("pointerdown", (event) => {
      from = { x: event.clientX, y: event.clientY, yaw: this.yaw, pitch: this.pitch };
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (from) to(from.yaw + (event.clientX - from.x) / 120, from.pitch + (event.clientY - from.y) / 120);
    });
    this.canvas.addEventListener("pointerup", () => { from = null; });
    this.canvas.addEventListener("wheel", (event) => { event.preventDefault(); closer(2 ** (-event.deltaY / 400)); }, { passive: false });
    this.canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
      if (by) to(this.yaw + by[0], this.pitch + by[1]);
      else if (event.key === "+" || event.key === "=") closer(1.25);
      else if (event.key === "-") closer(0.8);
      else return;
      event.preventDefault();
    });
  }
}
