// The two directions along which the embedding of a run's cells spreads most.

import { getCells } from "./api.js";

const CELLS = 5000;
const ROUNDS = 60;
const AXES = 2;

/** Columns that are no columns of the run: places along its principal components. */
export const COMPONENTS = Array.from({ length: AXES }, (_, k) => `component_${k + 1}`);
export const isComponent = (column) => COMPONENTS.includes(column);
export const embeddingOf = (columns) => Object.keys(columns).filter((name) => /^embedding_\d+$/.test(name));

/**
 * Find the principal components of the first cells of a run, by subspace iteration.
 *
 * They are found once for a view, so that axes stay as they are while cells come. Returns `names` of the embedding's
 * columns, their `mean`, the `axes`, and the share of the `variance` along each.
 */
export async function principalComponents(run) {
  const names = embeddingOf(run.columns);
  const { rows } = await getCells(run.id, { fields: names.join(), limit: CELLS });
  if (rows.length < 3) throw new Error("Principal components need three cells; wait for them.");
  const table = rows.map((row) => names.map((name) => row[name] ?? 0));
  const mean = names.map((_, k) => table.reduce((sum, row) => sum + row[k], 0) / table.length);
  const centred = table.map((row) => row.map((value, k) => value - mean[k]));
  const covariance = names.map((_, i) => names.map((__, j) => centred.reduce((sum, row) => sum + row[i] * row[j], 0) / table.length));
  const total = covariance.reduce((sum, row, k) => sum + row[k], 0);
  const axes = [];
  const variance = [];
  for (let axis = 0; axis < Math.min(AXES, names.length); axis += 1) {
    // The direction of the largest variance is a good start, and the same at every look.
    let direction = covariance[covariance.reduce((best, row, k) => (row[k] > covariance[best][best] ? k : best), 0)].slice();
    for (let round = 0; round < ROUNDS; round += 1) direction = unit(covariance.map((row) => dot(row, direction)), axes);
    axes.push(direction);
    variance.push(dot(direction, covariance.map((row) => dot(row, direction))) / Math.max(total, 1e-30));
  }
  return { names, mean, axes, variance };
}

const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);

/** A direction of length one, at right angles to those that are known. */
function unit(direction, known) {
  const rest = known.reduce((left, axis) => {
    const along = dot(left, axis);
    return left.map((value, k) => value - along * axis[k]);
  }, direction);
  const length = Math.hypot(...rest);
  return length > 1e-12 ? rest.map((value) => value / length) : rest.map((_, k) => (k === known.length ? 1 : 0));
}

/** Where a row lies along a component. */
export function along({ names, mean, axes }, component, row) {
  const axis = axes[COMPONENTS.indexOf(component)];
  return names.reduce((sum, name, k) => sum + ((row[name] ?? mean[k]) - mean[k]) * axis[k], 0);
}
