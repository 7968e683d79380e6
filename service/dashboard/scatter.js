// The first two embedding axes, one point a cell, coloured by cluster.

import { byId, fitCanvas, make, onThemeChange, themeColour } from "./dom.js";
import { count } from "./format.js";
import { clusterColour, isHollow } from "./palette.js";

const LIMIT = 50000;
const MARGIN = { left: 46, right: 10, top: 8, bottom: 34 };
const REACH_PX = 14;

/** A scatter that grows while the run goes on. */
export class Scatter {
  constructor(choose) {
    this.canvas = byId("scatter");
    this.choose = choose;
    this.clear();
    this.canvas.addEventListener("click", (event) => this.#click(event));
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    onThemeChange(() => this.draw());
  }

  clear() {
    this.cells = [];
    this.counts = new Map();
    this.names = [];
    this.selected = null;
    this.bounds = null;
    this.draw();
  }

  /** Names of the clusters, from the bundle's contract. */
  setNames(names) {
    this.names = names;
    this.#legend();
  }

  add(rows) {
    for (const row of rows) {
      this.cells.push(row);
      this.counts.set(row.cluster, (this.counts.get(row.cluster) ?? 0) + 1);
      this.#stretch(row.embedding_0, row.embedding_1 ?? 0);
    }
    if (this.cells.length > LIMIT) this.cells.splice(0, this.cells.length - LIMIT);
    this.#legend();
    this.draw();
  }

  select(id) {
    this.selected = id;
    this.draw();
  }

  #stretch(x, y) {
    this.bounds ??= { x: [x, x], y: [y, y] };
    this.bounds.x = [Math.min(this.bounds.x[0], x), Math.max(this.bounds.x[1], x)];
    this.bounds.y = [Math.min(this.bounds.y[0], y), Math.max(this.bounds.y[1], y)];
  }

  #legend() {
    const all = [...this.counts.values()].reduce((sum, value) => sum + value, 0);
    byId("scatter-title").textContent = all > LIMIT ? `Embedding, latest ${count(LIMIT)} cells` : "Embedding";
    const clusters = [...this.counts.keys()].sort((a, b) => a - b);
    byId("legend").replaceChildren(...clusters.map((cluster) => {
      const swatch = make("span", { class: "swatch" });
      swatch.style.setProperty(isHollow(cluster) ? "box-shadow" : "background",
        isHollow(cluster) ? `inset 0 0 0 2px ${clusterColour(cluster)}` : clusterColour(cluster));
      const name = this.names[cluster] ?? `cluster ${cluster}`;
      return make("li", {}, swatch, `${name} `, make("strong", {}, count(this.counts.get(cluster))));
    }));
  }

  #scales(width, height) {
    const scale = ([low, high], start, end) => {
      const pad = 0.05 * (high - low) || 1;
      return { low: low - pad, high: high + pad, at: (value) => start + ((value - low + pad) / (high - low + 2 * pad)) * (end - start) };
    };
    return {
      x: scale(this.bounds.x, MARGIN.left, width - MARGIN.right),
      y: scale(this.bounds.y, height - MARGIN.bottom, MARGIN.top),
    };
  }

  draw() {
    const { context, width, height } = fitCanvas(this.canvas);
    byId("scatter-empty").hidden = this.cells.length > 0;
    if (!this.bounds) return;
    const { x, y } = this.#scales(width, height);
    drawAxes(context, width, height, x, y);
    const size = this.cells.length > 5000 ? 1.6 : 3;
    context.globalAlpha = this.cells.length > 5000 ? 0.5 : 0.9;
    for (const cell of this.cells) {
      const colour = clusterColour(cell.cluster);
      context.beginPath();
      context.arc(x.at(cell.embedding_0), y.at(cell.embedding_1 ?? 0), size, 0, 2 * Math.PI);
      if (isHollow(cell.cluster)) {
        context.strokeStyle = colour;
        context.stroke();
      } else {
        context.fillStyle = colour;
        context.fill();
      }
    }
    context.globalAlpha = 1;
    this.#ring(context, x, y);
  }

  #ring(context, x, y) {
    const cell = this.cells.find((candidate) => candidate.event_id === this.selected);
    if (!cell) return;
    context.strokeStyle = themeColour("ink");
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x.at(cell.embedding_0), y.at(cell.embedding_1 ?? 0), 7, 0, 2 * Math.PI);
    context.stroke();
    context.lineWidth = 1;
  }

  #click(event) {
    if (!this.bounds) return;
    const { x, y } = this.#scales(this.canvas.clientWidth, this.canvas.clientHeight);
    let best = null;
    let reach = REACH_PX ** 2;
    for (const cell of this.cells) {
      const distance = (x.at(cell.embedding_0) - event.offsetX) ** 2 + (y.at(cell.embedding_1 ?? 0) - event.offsetY) ** 2;
      if (distance <= reach) [best, reach] = [cell, distance];
    }
    if (best) this.choose(best.event_id);
  }

  #key(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || this.cells.length === 0) return;
    event.preventDefault();
    const now = this.cells.findIndex((cell) => cell.event_id === this.selected);
    const next = now < 0 ? this.cells.length - 1 : Math.min(this.cells.length - 1, Math.max(0, now + step));
    this.choose(this.cells[next].event_id);
  }
}

/** Round values between two ends, about `wanted` of them. */
function ticks({ low, high }, wanted) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const values = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) values.push(Math.round(value / step) * step);
  return values;
}

function drawAxes(context, width, height, x, y) {
  const bottom = height - MARGIN.bottom;
  context.fillStyle = themeColour("plot");
  context.fillRect(MARGIN.left, MARGIN.top, width - MARGIN.left - MARGIN.right, bottom - MARGIN.top);
  context.strokeStyle = themeColour("line");
  context.strokeRect(MARGIN.left + 0.5, MARGIN.top + 0.5, width - MARGIN.left - MARGIN.right - 1, bottom - MARGIN.top - 1);
  context.fillStyle = themeColour("muted");
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "center";
  for (const value of ticks(x, width / 90)) {
    context.fillRect(x.at(value), bottom, 1, 4);
    context.fillText(String(Number(value.toPrecision(6))), x.at(value), bottom + 15);
  }
  context.textAlign = "right";
  for (const value of ticks(y, height / 60)) {
    context.fillRect(MARGIN.left - 4, y.at(value), 4, 1);
    context.fillText(String(Number(value.toPrecision(6))), MARGIN.left - 7, y.at(value) + 4);
  }
  context.textAlign = "center";
  context.fillText("embedding axis 0 (latent units)", (MARGIN.left + width - MARGIN.right) / 2, height - 4);
  context.save();
  context.translate(11, (MARGIN.top + bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.fillText("embedding axis 1 (latent units)", 0, 0);
  context.restore();
}
