// A gate as numbers: everything that the mouse can do, done by keyboard, and what lies in what.

import { choice, field, make } from "../core/dom.js";

const number = (value, change, label) => make("input", {
  type: "number", step: "any", value: value === null ? "" : Number(value.toPrecision(7)), "aria-label": label, title: label,
  onchange: (event) => change(event.target.value === "" ? null : Number(event.target.value)),
});

/** Make the fields of a gate; `save` gets its body with one thing changed, `remove` is told to take it away. */
export function gateFields(version, others, save, remove) {
  const { gate } = version;
  const body = { parent: gate.parent, region: gate.region, note: gate.note };
  const parents = [["", "all cells"], ...others.map((name) => [name, name])];
  const parent = choice(parents, gate.parent ?? "", (name) => save({ ...body, parent: name || null }));
  const note = make("input", { value: gate.note, maxlength: "500", onchange: (event) => save({ ...body, note: event.target.value }) });
  return make("div", { class: "gate-fields stacked" },
    make("div", { class: "two" }, field("Lies in", parent), field("Note", note)),
    ...numbers(gate.region, (region) => save({ ...body, region })),
    make("button", { type: "button", onclick: remove }, `Remove ${version.name}`));
}

function numbers(region, save) {
  if (region.kind === "rectangle") return region.sides.map((side, k) => sideFields(side, (changed) => save({ ...region, sides: region.sides.with(k, changed) })));
  if (region.kind === "polygon") return [polygonFields(region, save)];
  if (region.kind === "ellipse") return [ellipseFields(region, save)];
  if (region.kind === "filter") {
    return [field("Filter", make("input", { value: region.where, spellcheck: "false", onchange: (event) => save({ ...region, where: event.target.value }) }))];
  }
  return [make("p", { class: "note" }, region.of.map(({ gate, complement }) => `${complement ? "not " : ""}${gate}`).join(` ${region.kind} `))];
}

const scaleOf = (axis) => (axis.scale && axis.scale.kind !== "linear" ? ` (${axis.scale.kind})` : "");

function sideFields(side, save) {
  const name = `${side.column}${scaleOf(side)}`;
  return make("div", { class: "two" },
    field(`${name} from`, number(side.low ?? null, (low) => save({ ...side, low }), `${name} from`)),
    field("below", number(side.high ?? null, (high) => save({ ...side, high }), `${name} below`)));
}

function polygonFields(region, save) {
  const { x, y, vertices } = region;
  const set = (k, axis, value) => value !== null && save({ ...region, vertices: vertices.with(k, vertices[k].with(axis, value)) });
  const rows = vertices.map((vertex, k) => make("tr", {}, make("th", { scope: "row" }, String(k + 1)),
    ...[0, 1].map((axis) => make("td", {}, number(vertex[axis], (value) => set(k, axis, value), `corner ${k + 1}, ${axis ? y.column : x.column}`)))));
  return make("div", { class: "scrolls corners" }, make("table", {}, make("thead", {}, make("tr", {},
    ...["", x.column + scaleOf(x), y.column + scaleOf(y)].map((text) => make("th", { scope: "col" }, text)))), make("tbody", {}, ...rows)));
}

/** An ellipse is made wider along one axis as a picture is: what is tilted stays tilted. */
function ellipseFields(region, save) {
  const { over, centre, covariance, distance_squared: size = 1 } = region;
  const half = (k) => Math.sqrt(covariance[k][k] * size);
  const widen = (k, value) => {
    if (!(value > 0)) return;
    const by = (i) => (i === k ? value / half(k) : 1);
    save({ ...region, covariance: covariance.map((row, i) => row.map((one, j) => one * by(i) * by(j))) });
  };
  return make("div", {}, ...over.map((axis, k) => make("div", { class: "two" },
    field(`${axis.column}${scaleOf(axis)} centre`, number(centre[k], (value) => value !== null && save({ ...region, centre: centre.with(k, value) }), `${axis.column} centre`)),
    field("half width", number(half(k), (value) => widen(k, value), `${axis.column} half width`)))));
}
