// Gates over a plot: outlines with names, and handles to change the chosen one by mouse or arrow keys.

import { draw } from "../core/dom.js";
import { between, handlesOf, hasArea, outline, shifted, withHandle } from "./gate_shapes.js";

const STEP = 0.01;
const FINE = 0.2;
const CLOSE_PX = 10;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class GateLayer {
  /** `changed` gets name and shape of a gate that was changed, `drawn` a new shape, `chosen` a name that was clicked. */
  constructor(plot, { changed, drawn, chosen }) {
    Object.assign(this, { plot, changed, drawn, chosen, gates: [], draft: null, tool: null });
    const { overlay } = plot;
    overlay.addEventListener("pointerdown", (event) => this.#down(event));
    overlay.addEventListener("pointermove", (event) => this.#move(event));
    overlay.addEventListener("pointerup", (event) => this.#up(event));
    overlay.addEventListener("dblclick", (event) => { event.stopPropagation(); this.finish(); });
    this.onkey = (event) => this.#key(event);
    document.addEventListener("keydown", this.onkey);
  }

  close() {
    document.removeEventListener("keydown", this.onkey);
  }

  /** Show gates as `{ name, shape, chosen }`. */
  show(gates) {
    this.gates = gates;
    this.draw();
  }

  /** Take up a tool, null to lay it down; what was begun with another goes. */
  use(tool) {
    this.tool = tool;
    this.draft = null;
    this.plot.overlay.classList.toggle("drawing", tool !== null);
    this.draw();
  }

  /** Put a shape in the middle, for who draws without a mouse. */
  middle() {
    const { x, y } = this.plot.shown;
    const at = (share) => [x[0] + share * (x[1] - x[0]), y[0] + share * (y[1] - y[0])];
    this.#done(between(this.tool, at(0.35), at(0.65)));
  }

  draw() {
    const { overlay, shown } = this.plot;
    if (!shown || this.plot.canvas.clientWidth < 2) return overlay.replaceChildren();
    const focused = document.activeElement?.dataset?.handle;
    const marks = this.gates.flatMap((gate) => this.#marks(gate));
    if (this.draft) marks.push(this.#path(this.draft, "gate draft"));
    const { left, top, right, bottom } = this.plot.frame;
    const frame = draw("clipPath", { id: "plot-frame" }, draw("rect", { x: left, y: top, width: right - left, height: bottom - top }));
    overlay.replaceChildren(frame, ...marks);
    if (focused !== undefined) overlay.querySelector(`[data-handle="${focused}"]`)?.focus();
  }

  #path(shape, kind) {
    const points = (shape.kind === "polygon" && shape.open ? shape.vertices : outline(shape, this.plot.shown)).map((place) => this.plot.toPixel(place).map((value) => value.toFixed(1)).join());
    return draw("path", { class: kind, "clip-path": "url(#plot-frame)", d: `M${points.join("L")}${shape.open ? "" : "Z"}` });
  }

  #marks({ name, shape, chosen }) {
    const path = this.#path(shape, `gate${chosen ? " chosen" : ""}`);
    path.dataset.gate = name;
    const corners = outline(shape, this.plot.shown).map((place) => this.plot.toPixel(place));
    const [left, top] = corners.reduce((best, corner) => (corner[1] < best[1] ? corner : best));
    const { frame } = this.plot;
    // At the right edge a name ends where it would begin elsewhere.
    const atEnd = left > frame.right - 8 * name.length;
    const x = atEnd ? Math.min(left, frame.right) - 5 : Math.max(left, frame.left) + 4;
    const y = Math.min(Math.max(top - 5, frame.top + 12), frame.bottom - 4);
    const label = draw("text", { class: "gate-name", x, y, "text-anchor": atEnd ? "end" : "start" }, name);
    if (!chosen) return [path, label];
    const handles = handlesOf(shape, this.plot.shown).map((handle, k) => {
      const [cx, cy] = this.plot.toPixel(handle.place);
      return draw("circle", { class: "handle", cx, cy, r: 5, tabindex: "0", role: "button", "aria-label": `${handle.name} of gate ${name}; arrow keys move it`, "data-handle": k });
    });
    return [path, label, ...handles];
  }

  get #chosen() {
    return this.gates.find(({ chosen }) => chosen);
  }

  #place(event) {
    const { left, top } = this.plot.overlay.getBoundingClientRect();
    return this.plot.toPlace([event.clientX - left, event.clientY - top]);
  }

  #down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    if (this.tool) return this.#begin(event);
    const { handle, gate } = event.target.dataset;
    if (handle !== undefined) this.grip = { handle: Number(handle), shape: this.#chosen.shape };
    else if (gate !== undefined && this.#chosen?.name === gate) this.grip = { from: this.#place(event), shape: this.#chosen.shape };
    else if (gate !== undefined) return this.chosen(gate);
    else return;
    if (handle !== undefined) event.target.focus();
    this.plot.overlay.setPointerCapture(event.pointerId);
  }

  #begin(event) {
    const place = this.#place(event);
    if (this.tool !== "polygon") {
      this.grip = { first: place };
      this.plot.overlay.setPointerCapture(event.pointerId);
      return;
    }
    const vertices = this.draft?.vertices.slice(0, -1) ?? [];
    const near = (vertex) => Math.hypot(...this.plot.toPixel(vertex).map((value, k) => value - this.plot.toPixel(place)[k])) < CLOSE_PX;
    if (vertices.length > 2 && near(vertices[0])) return this.finish();
    if (vertices.length && near(vertices.at(-1))) return;
    this.draft = { kind: "polygon", open: true, vertices: [...vertices, place, place] };
    this.draw();
  }

  #move(event) {
    const place = this.#place(event);
    if (this.draft?.open) this.draft.vertices.splice(-1, 1, place);
    else if (this.grip?.first) this.draft = between(this.tool, this.grip.first, place);
    else if (this.grip) this.#alter(this.grip.from
      ? shifted(this.grip.shape, [place[0] - this.grip.from[0], place[1] - this.grip.from[1]])
      : withHandle(this.grip.shape, this.grip.handle, place));
    else return;
    this.draw();
  }

  #up() {
    const { grip } = this;
    this.grip = null;
    if (grip?.first && this.draft) this.#done(this.draft);
    else if (grip && !grip.first && this.#chosen.shape !== grip.shape) this.changed(this.#chosen.name, this.#chosen.shape);
  }

  #alter(shape) {
    if (hasArea({ ...shape, low: shape.low?.map((v) => v ?? -Infinity), high: shape.high?.map((v) => v ?? Infinity) })) this.#chosen.shape = shape;
  }

  /** Close a polygon that was begun. */
  finish() {
    if (this.draft?.open) this.#done({ kind: "polygon", vertices: this.draft.vertices.slice(0, -1) });
  }

  #done(shape) {
    this.use(null);
    if (hasArea(shape)) this.drawn(shape);
    else this.drawn(null);
  }

  #key(event) {
    if (this.tool && event.key === "Escape") return this.#done({ kind: "polygon", vertices: [] });
    if (this.tool && event.key === "Enter" && this.draft?.open) {
      // Otherwise the key would go on to the field of the name, and keep the gate at once.
      event.preventDefault();
      return this.finish();
    }
    const [arrow, handle] = [ARROWS[event.key], event.target.dataset?.handle];
    if (!arrow || handle === undefined || !this.#chosen) return;
    event.preventDefault();
    const { shown } = this.plot;
    const step = (axis, k) => arrow[k] * (axis[1] - axis[0]) * STEP * (event.shiftKey ? FINE : 1);
    const { place } = handlesOf(this.#chosen.shape, shown)[handle];
    this.#alter(withHandle(this.#chosen.shape, Number(handle), [place[0] + step(shown.x, 0), place[1] + step(shown.y, 1)]));
    this.draw();
    clearTimeout(this.later);
    const { name, shape } = this.#chosen;
    this.later = setTimeout(() => this.changed(name, shape), 500);
  }
}
