// What stands for cells in a plot: dots, each of its group's colour, or a picture of how many there are.

import { NO_GROUP, densityColour, groupColour, isHollow, rgb } from "../core/palette.js";

const MANY = 4000;
const VERY_MANY = 30000;

/** How much of each pixel a dot covers, and its colour. */
function dot(group, radius, ratio) {
  const size = Math.ceil(2 * (radius + 1) * ratio);
  const context = new OffscreenCanvas(size, size).getContext("2d", { willReadFrequently: true });
  context.scale(ratio, ratio);
  context.beginPath();
  context.arc(size / ratio / 2, size / ratio / 2, isHollow(group) ? radius - 0.5 : radius, 0, 2 * Math.PI);
  if (isHollow(group)) context.stroke();
  else context.fill();
  const { data } = context.getImageData(0, 0, size, size);
  return { size, cover: Float32Array.from({ length: size * size }, (_, k) => data[4 * k + 3] / 255), colour: rgb(groupColour(group)) };
}

/** Mix a dot into the pixels of an image, its middle at a place. */
function put({ data, width, height }, { size, cover, colour }, x, y, opacity) {
  const [left, top] = [Math.round(x - size / 2), Math.round(y - size / 2)];
  const [first, last] = [Math.max(0, -left), Math.min(size, width - left)];
  for (let row = Math.max(0, -top); row < Math.min(size, height - top); row += 1) {
    let at = 4 * ((top + row) * width + left + first);
    for (let column = first; column < last; column += 1, at += 4) {
      const share = cover[row * size + column] * opacity;
      if (!share) continue;
      data[at] += share * (colour[0] - data[at]);
      data[at + 1] += share * (colour[1] - data[at + 1]);
      data[at + 2] += share * (colour[2] - data[at + 2]);
    }
  }
}

/** Draw every point inside a frame, pixel by pixel, which is the same work on any computer; then rings of `ink`. */
export function drawPoints(context, points, place, frame, selected, ink) {
  const radius = points.n > VERY_MANY ? 1 : points.n > MANY ? 1.7 : 3;
  const ratio = window.devicePixelRatio || 1;
  const [left, top] = [Math.round(frame.left * ratio), Math.round(frame.top * ratio)];
  const [wide, high] = [Math.round(frame.right * ratio) - left, Math.round(frame.bottom * ratio) - top];
  if (wide < 1 || high < 1) return;
  const image = context.getImageData(left, top, wide, high);
  const dots = new Map();
  const opacity = points.n > MANY ? 0.6 : 0.9;
  for (let k = 0; k < points.n; k += 1) {
    const group = points.group[k];
    if (!dots.has(group)) dots.set(group, dot(group, radius, ratio));
    const [x, y] = [place.x(points.x[k]) * ratio - left, place.y(points.y[k]) * ratio - top];
    if (Number.isFinite(x + y)) put(image, dots.get(group), x, y, opacity);
  }
  context.putImageData(image, left, top);
  if (selected.size) ring(context, points, place, selected, ink);
}

function ring(context, points, place, selected, ink) {
  context.strokeStyle = ink;
  context.lineWidth = selected.size > 200 ? 1 : 1.8;
  for (let k = 0; k < points.n; k += 1) {
    if (!selected.has(points.id[k])) continue;
    context.beginPath();
    context.arc(place.x(points.x[k]), place.y(points.y[k]), selected.size > 200 ? 3 : 6, 0, 2 * Math.PI);
    context.stroke();
  }
}

/**
 * Make the picture of cells by bin, a pixel for each; brighter or darker by the logarithm of their number.
 *
 * With one layer without a group the scale of densities is used; layers of groups are mixed by their shares of a bin.
 */
export function densityImage(layers, paper) {
  const [rows, columns] = [layers[0].counts.length, layers[0].counts[0].length];
  const ground = paper.match(/\d+(\.\d+)?/g).slice(0, 3).map(Number);
  const dark = ground[0] < 128;
  const colours = layers.map(({ group }) => (group === null ? null : rgb(groupColour(group ?? NO_GROUP))));
  const total = (row, column) => layers.reduce((sum, { counts }) => sum + counts[row][column], 0);
  let most = 1;
  for (let row = 0; row < rows; row += 1) for (let column = 0; column < columns; column += 1) most = Math.max(most, total(row, column));
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const sum = total(row, column);
      if (!sum) continue;
      const share = Math.log1p(sum) / Math.log1p(most);
      let colour = densityColour(share, dark);
      if (colours[0]) {
        const mixed = [0, 1, 2].map((part) => layers.reduce((value, { counts }, k) => value + (colours[k][part] * counts[row][column]) / sum, 0));
        colour = mixed.map((value, part) => ground[part] + (0.25 + 0.75 * share) * (value - ground[part]));
      }
      image.data.set([...colour, 255], 4 * ((rows - 1 - row) * columns + column));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
