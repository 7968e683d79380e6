// Gates as shapes on a plot's axes, in places on their scales, and back.

import { SCALES, sameAxis } from "../core/scales.js";

const axisOf = ({ column, scale }) => ({ column, scale: SCALES[scale].region });
const sub = (a, b) => [a[0] - b[0], a[1] - b[1]];
const add = (a, b) => [a[0] + b[0], a[1] + b[1]];

/** The shape of a region on the axes of a plot; null where it was drawn on others, or is no shape. */
export function shapeOf(region, { x, y }) {
  if (region.kind === "rectangle") return rectangleOf(region, x, y);
  const [first, second] = region.kind === "polygon" ? [region.x, region.y] : region.over ?? [];
  if (!first || region.over?.length > 2 || !sameAxis(first, x.column, x.scale) || !sameAxis(second, y.column, y.scale)) return null;
  if (region.kind === "polygon") return { kind: "polygon", vertices: region.vertices };
  return ellipseOf(region);
}

function rectangleOf({ sides }, x, y) {
  const bounds = { low: [null, null], high: [null, null] };
  for (const side of sides) {
    const axis = [x, y].findIndex(({ column, scale }) => sameAxis(side, column, scale));
    if (axis < 0) return null;
    [bounds.low[axis], bounds.high[axis]] = [side.low ?? null, side.high ?? null];
  }
  return { kind: "rectangle", ...bounds };
}

/** Half axes u and v with C d^2 = u u' + v v': the columns of its square root by Cholesky. */
function ellipseOf({ centre, covariance, distance_squared: size = 1 }) {
  const [[a, b], [, c]] = covariance.map((row) => row.map((value) => value * size));
  const u = [Math.sqrt(a), b / Math.sqrt(a)];
  return { kind: "ellipse", centre, u, v: [0, Math.sqrt(Math.max(c - u[1] ** 2, 1e-300))] };
}

/** The region of a shape, as the service has it. */
export function regionOf(shape, { x, y }) {
  if (shape.kind === "polygon") return { kind: "polygon", x: axisOf(x), y: axisOf(y), vertices: shape.vertices };
  if (shape.kind === "ellipse") {
    const { centre, u, v } = shape;
    const covariance = [0, 1].map((i) => [0, 1].map((j) => u[i] * u[j] + v[i] * v[j]));
    return { kind: "ellipse", over: [axisOf(x), axisOf(y)], centre, covariance, distance_squared: 1 };
  }
  const sides = [x, y].map((axis, k) => ({ ...axisOf(axis), low: shape.low[k], high: shape.high[k] }));
  return { kind: "rectangle", sides: sides.filter(({ low, high }) => low !== null || high !== null) };
}

/** A shape between two corners of a frame. */
export function between(kind, a, b) {
  const low = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  const high = [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  if (kind === "rectangle") return { kind, low, high };
  const centre = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
  if (kind === "ellipse") return { kind, centre, u: [(high[0] - low[0]) / 2, 0], v: [0, (high[1] - low[1]) / 2] };
  return { kind: "polygon", vertices: [low, [high[0], low[1]], high, [low[0], high[1]]] };
}

/** Whether a shape holds anything. */
export function hasArea(shape) {
  if (shape.kind === "polygon") return shape.vertices.length > 2;
  if (shape.kind === "ellipse") return Math.abs(shape.u[0] * shape.v[1] - shape.u[1] * shape.v[0]) > 0;
  return shape.low[0] < shape.high[0] && shape.low[1] < shape.high[1];
}

/** Corners of its outline; sides without a bound end where the plot does. */
export function outline(shape, shown) {
  if (shape.kind === "polygon") return shape.vertices;
  if (shape.kind === "ellipse") {
    return Array.from({ length: 72 }, (_, k) => {
      const [c, s] = [Math.cos((k * Math.PI) / 36), Math.sin((k * Math.PI) / 36)];
      return add(shape.centre, [c * shape.u[0] + s * shape.v[0], c * shape.u[1] + s * shape.v[1]]);
    });
  }
  const [left, bottom] = [shape.low[0] ?? shown.x[0], shape.low[1] ?? shown.y[0]];
  const [right, top] = [shape.high[0] ?? shown.x[1], shape.high[1] ?? shown.y[1]];
  return [[left, bottom], [right, bottom], [right, top], [left, top]];
}

/** What a shape can be changed by: names and places. */
export function handlesOf(shape, shown) {
  if (shape.kind === "polygon") return shape.vertices.map((place, k) => ({ name: `corner ${k + 1}`, place }));
  if (shape.kind === "ellipse") {
    return [{ name: "centre", place: shape.centre }, { name: "first axis", place: add(shape.centre, shape.u) }, { name: "second axis", place: add(shape.centre, shape.v) }];
  }
  const corners = outline(shape, shown);
  return ["lower left", "lower right", "upper right", "upper left"].map((name, k) => ({ name: `${name} corner`, place: corners[k] }));
}

/** The shape with one of its handles at another place. */
export function withHandle(shape, handle, place) {
  if (shape.kind === "polygon") return { ...shape, vertices: shape.vertices.map((vertex, k) => (k === handle ? place : vertex)) };
  if (shape.kind === "ellipse") {
    if (handle === 0) return { ...shape, centre: place };
    return { ...shape, [handle === 1 ? "u" : "v"]: sub(place, shape.centre) };
  }
  const [low, high] = [[...shape.low], [...shape.high]];
  const sides = [[low, 0, low, 1], [high, 0, low, 1], [high, 0, high, 1], [low, 0, high, 1]][handle];
  if (sides[0][0] !== null) sides[0][0] = place[0];
  if (sides[2][1] !== null) sides[2][1] = place[1];
  // A corner that passes the opposite one changes places with it.
  for (const k of [0, 1]) if (low[k] !== null && high[k] !== null && low[k] > high[k]) [low[k], high[k]] = [high[k], low[k]];
  return { ...shape, low, high };
}

/** The shape somewhere else. */
export function shifted(shape, by) {
  if (shape.kind === "polygon") return { ...shape, vertices: shape.vertices.map((vertex) => add(vertex, by)) };
  if (shape.kind === "ellipse") return { ...shape, centre: add(shape.centre, by) };
  const move = (bounds) => bounds.map((value, k) => (value === null ? null : value + by[k]));
  return { ...shape, low: move(shape.low), high: move(shape.high) };
}
