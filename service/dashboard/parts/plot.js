// Cells along two axes: every one as a point, or how many there are as a picture; gates are drawn over it.

import { draw, fitCanvas, make, onceAFrame } from "../core/dom.js";
import { SCALES, ticksOf } from "../core/scales.js";
import { onThemeChange, themeColour } from "../core/theme.js";
import { scaled } from "../core/type.js";
import { drawAxes } from "./plot_axes.js";
import { densityImage } from "./density_image.js";
import { PointLayer, ring } from "./point_layer.js";
import { Points } from "./points.js";

const MARGIN = { left: 58, right: 12, top: 10, bottom: 42 };
const REACH_PX = 14;
const PAD = 0.05;
const LOOSE = 1.25;

/** Where an axis begins and ends, with some room beside the cells; as before, where that fits and is not much too wide. */
function roomFor([low, high], before) {
  if (before && before[0] <= low && high <= before[1] && before[1] - before[0] <= LOOSE * (high - low)) return before;
  const pad = PAD * (high - low) || 0.5;
  return [low - pad, high + pad];
}

export class Plot {
  /** `pick` gets the id of a point that was clicked, `moved` is told that another part is looked at. */
  constructor(label, { pick = () => {}, moved = () => {}, drawn = () => {} } = {}) {
    this.canvas = make("canvas", { tabindex: "0", role: "application", "aria-label": label });
    // Points are put in pixel by pixel: the canvas stays where they can be read.
    this.canvas.getContext("2d", { willReadFrequently: true });
    this.overlay = draw("svg", { class: "gate-layer" });
    this.empty = make("p", { class: "empty", role: "status" });
    this.element = make("div", { class: "plot" }, this.canvas, this.overlay, this.empty);
    this.layer = new PointLayer();
    Object.assign(this, { label, pick, moved, drawn, points: new Points(), density: null, around: null, size: { width: 0, height: 0 }, selected: new Set(), view: null, ends: null });
    this.axes = { x: { scale: "linear", title: "" }, y: { scale: "linear", title: "" } };
    this.draw = onceAFrame(() => this.#draw());
    this.#listen();
    const observer = new ResizeObserver(this.draw);
    observer.observe(this.canvas);
    const forget = onThemeChange(() => { this.image = null; this.layer.forget(); this.draw(); });
    this.close = () => { observer.disconnect(); forget(); };
  }

  /** An axis has a `title` and a `scale`; whatever was shown on others goes. */
  setAxes(x, y) {
    this.axes = { x, y };
    this.points.clear();
    Object.assign(this, { density: null, view: null, ends: null, around: null, image: null });
    this.draw();
  }

  /** Say that points were added. */
  grown() {
    this.density = null;
    this.#take({ x: this.points.ends("x", this.axes.x.scale), y: this.points.ends("y", this.axes.y.scale) });
  }

  /** Show cells by bin: `layers` of `counts` (rows along y) with a `group` each or null, all between `ends` of a part or the `whole`. */
  setDensity(layers, ends, whole = ends) {
    Object.assign(this, { density: { layers, ends: { ...ends } }, image: null });
    this.points.clear();
    this.#take(whole);
  }

  #take(ends) {
    this.ends = ends.x && ends.y ? ends : null;
    // What is seen stays as it is while cells that come fit into it: then only they are drawn.
    this.around = this.ends && { x: roomFor(ends.x, this.around?.x), y: roomFor(ends.y, this.around?.y) };
    this.canvas.setAttribute("aria-label", `${this.label}; ${this.density ? "a density" : `${this.points.n} cells`} shown`);
    this.draw();
  }

  select(ids) {
    this.selected = ids;
    this.draw();
  }

  /** Show everything again. */
  fit() {
    this.view = null;
    this.draw();
    this.moved();
  }

  /** Say why there is nothing to see, or nothing where there is. */
  say(text) {
    this.empty.textContent = text;
    this.empty.hidden = !text;
  }

  get shown() {
    return this.view ?? this.around;
  }

  /** The frame in CSS pixels, as it was last drawn: to measure it again would lay out the page anew each time. */
  get frame() {
    const { width, height } = this.size;
    return { left: scaled(MARGIN.left), top: scaled(MARGIN.top), right: width - scaled(MARGIN.right), bottom: height - scaled(MARGIN.bottom) };
  }

  toPixel([x, y]) {
    const { shown, frame } = this;
    return [
      frame.left + ((x - shown.x[0]) / (shown.x[1] - shown.x[0])) * (frame.right - frame.left),
      frame.bottom - ((y - shown.y[0]) / (shown.y[1] - shown.y[0])) * (frame.bottom - frame.top),
    ];
  }

  toPlace([px, py]) {
    const { shown, frame } = this;
    return [
      shown.x[0] + ((px - frame.left) / (frame.right - frame.left)) * (shown.x[1] - shown.x[0]),
      shown.y[0] + ((frame.bottom - py) / (frame.bottom - frame.top)) * (shown.y[1] - shown.y[0]),
    ];
  }

  #draw() {
    const { context, width, height } = fitCanvas(this.canvas);
    this.size = { width, height };
    const { shown, frame } = this;
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (!shown || width < 2) return this.drawn();
    const ticks = (axis, wanted) => ticksOf(this.axes[axis].scale, ...shown[axis], wanted);
    drawAxes(context, frame, { x: this.axes.x.title, y: this.axes.y.title }, {
      x: ticks("x", width / scaled(90)).map(({ place, text }) => [this.toPixel([place, 0])[0], text]),
      y: ticks("y", height / scaled(60)).map(({ place, text }) => [this.toPixel([0, place])[1], text]),
    });
    context.save();
    context.beginPath();
    context.rect(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top);
    context.clip();
    if (this.density) this.#drawDensity(context);
    else this.#drawPoints(context);
    context.restore();
    this.drawn();
  }

  #drawPoints(context) {
    const { points, shown, frame, axes, selected } = this;
    const place = this.#placer();
    if (!this.layer.draw(context, points, place, frame, JSON.stringify([shown, axes.x.scale, axes.y.scale]))) this.draw();
    if (selected.size) ring(context, points, place, selected, themeColour("ink"));
  }

  #drawDensity(context) {
    const { layers, ends } = this.density;
    this.image ??= densityImage(layers, themeColour("plot"));
    const [left, top] = this.toPixel([ends.x[0], ends.y[1]]);
    const [right, bottom] = this.toPixel([ends.x[1], ends.y[0]]);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.image, left, top, right - left, bottom - top);
  }

  /** From a value to a pixel, without making an array for each point. */
  #placer() {
    const { shown, frame } = this;
    const [ofX, ofY] = [SCALES[this.axes.x.scale].of, SCALES[this.axes.y.scale].of];
    const kx = (frame.right - frame.left) / (shown.x[1] - shown.x[0]);
    const ky = (frame.bottom - frame.top) / (shown.y[1] - shown.y[0]);
    return {
      x: (value) => frame.left + (ofX(value) - shown.x[0]) * kx,
      y: (value) => frame.bottom - (ofY(value) - shown.y[0]) * ky,
    };
  }

  #listen() {
    let from = null;
    this.element.addEventListener("wheel", (event) => {
      if (!this.shown) return;
      event.preventDefault();
      this.zoom(2 ** (event.deltaY / 400), this.toPlace([event.offsetX, event.offsetY]));
    }, { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => {
      if (!this.shown || event.button !== 0) return;
      from = { x: event.offsetX, y: event.offsetY, shown: this.shown, far: false };
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      from.far ||= Math.hypot(event.offsetX - from.x, event.offsetY - from.y) > 4;
      if (from.far) this.#pan(from, event);
    });
    this.canvas.addEventListener("pointerup", (event) => {
      if (from && !from.far) this.#click(event);
      from = null;
    });
    this.canvas.addEventListener("dblclick", () => this.fit());
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  #pan(from, event) {
    const { frame } = this;
    const dx = ((event.offsetX - from.x) / (frame.right - frame.left)) * (from.shown.x[1] - from.shown.x[0]);
    const dy = ((event.offsetY - from.y) / (frame.bottom - frame.top)) * (from.shown.y[1] - from.shown.y[0]);
    this.#look({ x: from.shown.x.map((end) => end - dx), y: from.shown.y.map((end) => end + dy) });
  }

  zoom(factor, [x, y]) {
    const { shown } = this;
    this.#look({ x: shown.x.map((end) => x + factor * (end - x)), y: shown.y.map((end) => y + factor * (end - y)) });
  }

  #look(view) {
    this.view = view;
    this.draw();
    this.moved();
  }

  #click(event) {
    const place = this.#placer();
    const best = this.points.nearest(
      (x, y) => (place.x(x) - event.offsetX) ** 2 + (place.y(y) - event.offsetY) ** 2, REACH_PX ** 2);
    if (best >= 0) this.pick(this.points.id[best]);
  }

  /** Arrow keys step from cell to cell, + and - zoom, 0 shows everything. */
  #key(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const zoom = { "+": 0.8, "=": 0.8, "-": 1.25 }[event.key];
    if (event.key === "0") this.fit();
    else if (zoom && this.shown) this.zoom(zoom, [(this.shown.x[0] + this.shown.x[1]) / 2, (this.shown.y[0] + this.shown.y[1]) / 2]);
    else if (step && this.points.n) this.#step(step);
    else return;
    event.preventDefault();
  }

  #step(step) {
    const [chosen] = this.selected;
    const ids = this.points.id.subarray(0, this.points.n);
    const now = chosen === undefined ? -1 : ids.indexOf(chosen);
    this.pick(ids[now < 0 ? ids.length - 1 : Math.min(ids.length - 1, Math.max(0, now + step))]);
  }
}
