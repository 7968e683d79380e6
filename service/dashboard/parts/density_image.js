// How many cells there are as a picture: a pixel for each bin.

import { NO_GROUP, densityColour, groupColour, rgb } from "../core/palette.js";

const SHADES = 256;

/**
 * Make the picture of cells by bin; brighter or darker by the logarithm of their number.
 *
 * With one layer without a group the scale of densities is used; layers of groups are mixed by their shares of a bin.
 */
export function densityImage(layers, paper) {
  const [rows, columns] = [layers[0].counts.length, layers[0].counts[0].length];
  const ground = paper.match(/\d+(\.\d+)?/g).slice(0, 3).map(Number);
  const counts = layers.map((layer) => Float64Array.from(layer.counts.flat()));
  const totals = new Float64Array(rows * columns);
  for (const layer of counts) for (let k = 0; k < totals.length; k += 1) totals[k] += layer[k];
  const most = Math.log1p(totals.reduce((largest, total) => Math.max(largest, total), 1));
  const colours = layers[0].group === null ? null : layers.map(({ group }) => rgb(groupColour(group ?? NO_GROUP)));
  const shades = Array.from({ length: SHADES }, (_, k) => densityColour(k / (SHADES - 1), ground[0] < 128));
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let k = 0; k < totals.length; k += 1) {
    if (!totals[k]) continue;
    const share = Math.log1p(totals[k]) / most;
    const at = 4 * ((rows - 1 - Math.floor(k / columns)) * columns + (k % columns));
    for (let part = 0; part < 3; part += 1) {
      let value = 0;
      if (colours) {
        for (let layer = 0; layer < counts.length; layer += 1) value += colours[layer][part] * counts[layer][k];
        value = ground[part] + (0.25 + 0.75 * share) * (value / totals[k] - ground[part]);
      } else {
        value = shades[Math.round(share * (SHADES - 1))][part];
      }
      image.data[at + part] = value;
    }
    image.data[at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
