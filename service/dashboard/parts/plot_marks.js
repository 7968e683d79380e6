// What stands for cells in a plot: dots, each of its group's colour, or a picture of how many there are.

import { NO_GROUP, densityColour, groupColour, isHollow, rgb } from "../core/palette.js";

const MANY = 4000;
const VERY_MANY = 30000;

/** A dot drawn once, to be put down many times. */
function sprite(group, radius, ratio) {
  const size = Math.ceil(2 * (radius + 1) * ratio);
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.beginPath();
  context.arc(radius + 1, radius + 1, isHollow(group) ? radius - 0.5 : radius, 0, 2 * Math.PI);
  context.fillStyle = context.strokeStyle = groupColour(group);
  if (isHollow(group)) context.stroke();
  else context.fill();
  return canvas;
}

/** Draw every point, then the selected ones again with a ring of `ink`. */
export function drawPoints(context, points, place, selected, ink) {
  const radius = points.n > VERY_MANY ? 1 : points.n > MANY ? 1.7 : 3;
  const ratio = window.devicePixelRatio || 1;
  const sprites = new Map();
  const size = 2 * (radius + 1);
  context.globalAlpha = points.n > MANY ? 0.6 : 0.9;
  for (let k = 0; k < points.n; k += 1) {
    const group = points.group[k];
    let dot = sprites.get(group);
    if (!dot) sprites.set(group, (dot = sprite(group, radius, ratio)));
    context.drawImage(dot, place.x(points.x[k]) - radius - 1, place.y(points.y[k]) - radius - 1, size, size);
  }
  context.globalAlpha = 1;
  if (!selected.size) return;
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
