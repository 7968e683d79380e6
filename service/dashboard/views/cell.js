// One cell: what it looks like, what the model says, what made it say so, and which others are like it.

import * as api from "../core/api.js";
import { make, panel } from "../core/dom.js";
import { number, words } from "../core/format.js";
import { groupColour } from "../core/palette.js";
import { go, linkTo, note } from "../core/router.js";
import { openRun } from "../core/run.js";
import * as store from "../core/store.js";
import { bars } from "../parts/bars.js";
import { features } from "../parts/features.js";
import { Labeller } from "../parts/labeller.js";
import { swatch } from "../parts/legend.js";
import { picture } from "../parts/picture.js";
import { Saliency } from "../parts/saliency.js";
import { Tiles } from "../parts/tiles.js";
import { Traces } from "../parts/traces.js";
import { Volumes } from "../parts/volumes.js";

const LIKE_IT = 12;
const TILE_FIELDS = "event_id,cluster,class,novel,label";

export const title = "Cell";

export function open(root, place) {
  const view = new CellView(root);
  view.move(place);
  return view;
}

class CellView {
  constructor(root) {
    root.classList.add("cell-view");
    this.root = root;
    this.parts = [];
    root.append(make("p", { class: "empty" }, "Opening the cell …"));
    this.onkey = (event) => this.#key(event);
    document.addEventListener("keydown", this.onkey);
  }

  close() {
    this.asked = null;
    document.removeEventListener("keydown", this.onkey);
    this.#clear();
  }

  #clear() {
    this.parts.forEach((part) => part.close());
    this.parts = [];
  }

  async move({ args, query }) {
    const run = args[0] ?? store.newestRun();
    const asked = `${run}/${args[1]}`;
    this.asked = asked;
    Object.assign(this, { where: query.where ?? null, evidence: query.evidence ?? null, run: null });
    try {
      if (!run) throw new Error("There is no run yet: start one in the live view, then choose a cell there.");
      const context = await openRun(run);
      const id = Number(args[1]) || (await this.#first(run));
      const cell = await api.getCell(run, id);
      const answers = cell.row.rejection ? null : await api.follow(api.address(cell.answers));
      if (this.asked !== asked) return;
      this.#clear();
      Object.assign(this, { run: context, id });
      this.root.replaceChildren(...this.#columns(cell, answers));
      document.title = `Cell ${id} · Lightline`;
    } catch (problem) {
      if (this.asked !== asked) return;
      this.#clear();
      this.root.replaceChildren(make("p", { class: "empty error", role: "alert" }, problem.message));
    }
  }

  async #first(run) {
    const { rows } = await api.getCells(run, { limit: 1, fields: "event_id", order: "-event_id", where: this.where });
    if (!rows.length) throw new Error("The run has no cells yet; they appear in the live view as they are stored.");
    return rows[0].event_id;
  }

  #columns(cell, answers) {
    const flat = cell.channels.filter(({ kind }) => kind === "image");
    const volumes = new Volumes(cell.channels.filter(({ kind }) => kind === "volume"), this.run);
    const traces = new Traces();
    this.parts.push(traces, volumes);
    traces.show(this.run, this.id).catch((problem) => { traces.note.textContent = problem.message; });
    const figures = [...flat.map(figure)];
    if (answers) figures.splice(1, 0, new Saliency(cell, answers, this.evidence, (evidence) => this.#note(evidence)).element);
    return [
      make("div", { class: "column" },
        make("section", { id: "cell", class: "panel", "aria-label": "Cell" }, this.#head(), tags(cell.row, answers, this.run), this.#labeller(cell)),
        answers ? panel("Answer", { name: "answers" }, ...answered(answers)) : null,
        answers ? panel("Most like it", {}, this.#neighbours()) : null),
      make("div", { class: "column centre" },
        panel("Pictures", {}, make("div", { class: "pictures" }, ...figures)),
        ...volumes.elements,
        panel("Raw samples", { name: "grows" }, traces.element)),
      make("div", { class: "column" }, this.#measured(cell), links(cell)),
    ].filter(Boolean);
  }

  /** What the map is evidence for goes into the address, and along to the next cell. */
  #note(evidence) {
    this.evidence = evidence;
    note(linkTo("cell", [this.run.id, this.id], { where: this.where, evidence }));
  }

  #head() {
    const step = (by) => make("button", { type: "button", "aria-label": by < 0 ? "Previous cell" : "Next cell", onclick: () => this.#step(by) }, by < 0 ? "‹" : "›");
    return make("div", { class: "cell-head" }, make("h2", {}, `Cell ${this.id}`), step(-1), step(1));
  }

  #labeller(cell) {
    if (cell.row.rejection) return null;
    return new Labeller(this.run.id, () => ({ events: [this.id] }), () => this.move({ args: [this.run.id, String(this.id)], query: { where: this.where, evidence: this.evidence } })).element;
  }

  #measured(cell) {
    const { search, table } = features(cell.row);
    return panel("Measured", { name: "grows measured", beside: search }, table);
  }

  #neighbours() {
    const tiles = new Tiles("Cells most like this one", (id) => go(linkTo("cell", [this.run.id, id])));
    const said = make("p", { class: "note" });
    const { id, run } = this;
    api.getNeighbours(run.id, id, LIKE_IT).then(async ({ cells }) => {
      const where = cells.map(({ event_id }) => `event_id = ${event_id}`).join(" or ");
      if (!where) { said.textContent = "It is the only cell yet."; return; }
      const { rows } = await api.getCells(run.id, { where, fields: TILE_FIELDS });
      const order = new Map(cells.map(({ event_id }, index) => [event_id, index]));
      tiles.show(run.id, rows.sort((a, b) => order.get(a.event_id) - order.get(b.event_id)), run.pixel_um);
    }).catch((problem) => { said.textContent = problem.message; });
    return make("div", {}, tiles.element, said);
  }

  async #step(by) {
    const { id, where } = this;
    const side = by < 0 ? `event_id < ${id}` : `event_id > ${id}`;
    const order = by < 0 ? "-event_id" : "event_id";
    const { rows } = await api.getCells(this.run.id, { where: where ? `(${where}) and ${side}` : side, order, limit: 1, fields: "event_id" });
    if (rows.length) go(linkTo("cell", [this.run.id, rows[0].event_id], { where, evidence: this.evidence }));
  }

  #key(event) {
    if (!this.run || event.target.closest("input, select, canvas, [tabindex='0']") || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowLeft") this.#step(-1);
    else if (event.key === "ArrowRight") this.#step(1);
  }
}

function figure(channel) {
  const unit = channel.unit.startsWith("rad") ? `, ${channel.unit}` : "";
  const name = `${words(channel.name)}${unit}`;
  return make("figure", {}, picture(api.address(channel.png), name, channel.pixel_um), make("figcaption", {}, name));
}

function tags(row, answers, run) {
  const tag = (kind, ...content) => make("span", { class: `tag ${kind}` }, ...content);
  if (row.rejection) return make("div", { class: "tags" }, tag("novel", `rejected: ${words(row.rejection)}`));
  const cluster = answers?.clusters[row.cluster] ?? run.contract.clusters[row.cluster] ?? `cluster ${row.cluster}`;
  return make("div", { class: "tags" }, tag("", swatch(row.cluster), cluster), row.class ? tag("", row.class) : null,
    row.conformal && row.conformal !== row.class ? tag("", `may be: ${row.conformal}`) : null,
    row.novel ? tag("novel", "novel: unlike the training cells") : null,
    row.label ? tag("given", `labelled ${row.label}`) : null);
}

function answered(answers) {
  const { novelty, novelty_threshold: limit } = answers;
  return [
    answers.classes.length ? make("h3", {}, "Class probability") : null,
    answers.classes.length ? bars(answers.classes, answers.class_probability) : null,
    make("h3", {}, "Cluster posterior"), bars(answers.clusters, answers.cluster_posterior, groupColour),
    make("p", { class: "note" }, "The posterior saturates; it is not a calibrated probability."),
    make("p", { class: "note", id: "novelty" }, `novelty ${number(novelty)}; above ${number(limit)} a cell is unlike the training data`),
  ].filter(Boolean);
}

function links(cell) {
  const link = (href, text) => make("a", { href, download: true }, text);
  return panel("Take away", {}, make("div", { class: "links" }, link(cell.window, "raw window.npy"),
    ...cell.channels.map((channel) => link(api.address(channel.npy), `${channel.name}.npy`)), link(api.address(cell.saliency.npy), "saliency.npy")));
}
