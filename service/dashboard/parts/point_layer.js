// Points as pixels that stay: while nothing but their number changes, only those that came since are drawn.

import { groupColour, isHollow, rgb } from "../core/palette.js";
import { scaled } from "../core/type.js";

const MANY = 4000;
const VERY_MANY = 30000;
const BUDGET_MS = 10;
const AT_ONCE = 2048;
const dots = new Map();

/** Which pixels about its middle a dot covers, how much of each, and its colour. */
function dot(group, radius, ratio) {
  const key = `${group} ${radius} ${ratio}`;
  if (!dots.has(key)) dots.set(key, madeDot(group, radius, ratio));
  return dots.get(key);
}

function madeDot(group, radius, ratio) {
  const size = Math.ceil(2 * (radius + 1) * ratio);
  const context = new OffscreenCanvas(size, size).getContext("2d", { willReadFrequently: true });
  context.scale(ratio, ratio);
  context.beginPath();
  context.arc(size / ratio / 2, size / ratio / 2, isHollow(group) ? radius - 0.5 : radius, 0, 2 * Math.PI);
  if (isHollow(group)) context.stroke();
  else context.fill();
  const { data } = context.getImageData(0, 0, size, size);
  const covered = Array.from({ length: size * size }, (_, k) => k).filter((k) => data[4 * k + 3] > 0);
  return {
    size, colour: rgb(groupColour(group)), rows: Uint16Array.from(covered, (k) => Math.floor(k / size)),
    columns: Uint16Array.from(covered, (k) => k % size), cover: Float32Array.from(covered, (k) => data[4 * k + 3] / 255),
  };
}

/** Mix a dot into the pixels of an image, its middle at a place. */
function put({ data, width, height }, { size, colour, rows, columns, cover }, x, y, opacity) {
  const [left, top] = [Math.round(x - size / 2), Math.round(y - size / 2)];
  if (left <= -size || top <= -size || left >= width || top >= height) return;
  const inside = left >= 0 && top >= 0 && left + size <= width && top + size <= height;
  for (let k = 0; k < cover.length; k += 1) {
    const [row, column] = [top + rows[k], left + columns[k]];
    if (!inside && (row < 0 || column < 0 || row >= height || column >= width)) continue;
    const at = 4 * (row * width + column);
    const share = cover[k] * opacity;
    data[at] += share * (colour[0] - data[at]);
    data[at + 1] += share * (colour[1] - data[at + 1]);
    data[at + 2] += share * (colour[2] - data[at + 2]);
  }
}

export class PointLayer {
  /** Begin again at the next drawing, because colours changed. */
  forget() {
    this.key = null;
  }

  /**
   * Draw the points inside a frame, pixel by pixel, which is the same work on any computer; returns whether all are there.
   *
   * `place` gives the pixel of a value along x and y; it is the same as long as `key` is. What does not fit into the time
   * of a picture is left to the next call, so that the page answers meanwhile.
   */
  draw(context, points, place, frame, key) {
    const radius = scaled(points.n > VERY_MANY ? 1 : points.n > MANY ? 1.7 : 3);
    const opacity = points.n > MANY ? 0.6 : 0.9;
    const ratio = window.devicePixelRatio || 1;
    const [left, top] = [Math.round(frame.left * ratio), Math.round(frame.top * ratio)];
    const [wide, high] = [Math.round(frame.right * ratio) - left, Math.round(frame.bottom * ratio) - top];
    if (wide < 1 || high < 1) return true;
    const until = performance.now() + BUDGET_MS;
    const now = `${key} ${[points.age, radius, ratio, left, top, wide, high]}`;
    if (now !== this.key) Object.assign(this, { key: now, drawn: 0, image: context.getImageData(left, top, wide, high) });
    const ofGroup = [];
    do {
      const last = Math.min(points.n, this.drawn + AT_ONCE);
      for (; this.drawn < last; this.drawn += 1) {
        const group = points.group[this.drawn];
        ofGroup[group] ??= dot(group, radius, ratio);
        const [x, y] = [place.x(points.x[this.drawn]) * ratio - left, place.y(points.y[this.drawn]) * ratio - top];
        if (Number.isFinite(x + y)) put(this.image, ofGroup[group], x, y, opacity);
      }
    } while (this.drawn < points.n && performance.now() < until);
    context.putImageData(this.image, left, top);
    return this.drawn === points.n;
  }
}

/** Draw rings about chosen points. */
export function ring(context, points, place, selected, ink) {
  context.strokeStyle = ink;
  context.lineWidth = selected.size > 200 ? 1 : 1.8;
  for (let k = 0; k < points.n; k += 1) {
    if (!selected.has(points.id[k])) continue;
    context.beginPath();
    context.arc(place.x(points.x[k]), place.y(points.y[k]), scaled(selected.size > 200 ? 3 : 6), 0, 2 * Math.PI);
    context.stroke();
  }
}
