// All cells of a run: along any two columns, in gates, as pictures, over time.

import { choice, field, make, panel, setChoices } from "../core/dom.js";
import { go, linkTo, note } from "../core/router.js";
import { goesOn, openRun } from "../core/run.js";
import * as api from "../core/api.js";
import * as store from "../core/store.js";
import { AxisChoice, axisTitle } from "../parts/axis_choice.js";
import { CellGallery } from "../parts/cell_gallery.js";
import { GateEditor } from "../parts/gate_editor.js";
import { groupings, groupsOf } from "../parts/groups.js";
import { Labeller } from "../parts/labeller.js";
import { showLegend } from "../parts/legend.js";
import { Plot } from "../parts/plot.js";
import { Population } from "../parts/population.js";
import { TimeRange } from "../parts/time_range.js";
import { Umap } from "../parts/umap.js";

const AGAIN_MS = 3000;
const START = { x: "area_um2", y: "novelty", xs: "linear", ys: "linear", by: "cluster", order: "-event_id" };

export const title = "Explore";

export function open(root, place) {
  const view = new ExploreView(root);
  view.move(place);
  return view;
}

class ExploreView {
  constructor(root) {
    this.root = root;
    this.selected = new Set();
    const axes = () => this.#set({ x: this.x.value.column, xs: this.x.value.scale, y: this.y.value.column, ys: this.y.value.scale });
    this.x = new AxisChoice("x", axes);
    this.y = new AxisChoice("y", axes);
    this.umap = new Umap((axes) => this.#set(axes), () => this.#grown());
    this.by = choice([], null, (by) => this.#set({ by: by || "none" }), { "aria-label": "Colour by" });
    this.plot = new Plot("Cells along two columns; arrow keys step from cell to cell, + and - zoom, 0 shows all", {
      pick: (id) => this.#select(id), moved: () => this.population.moved(), drawn: () => this.gates?.layer.draw(),
    });
    this.population = new Population(this.plot, (text) => this.plot.say(text));
    this.legend = make("ul", { class: "legend", "aria-label": "Groups" });
    this.gallery = new CellGallery((id, event) => this.#select(id, event), (order) => this.#set({ order }));
    this.time = new TimeRange(([from, to]) => this.#set({ from, to }));
    this.filter = make("input", { type: "search", class: "filter", placeholder: "filter, e.g. class = 'monocyte' and novelty < 8", "aria-label": "Filter", spellcheck: "false", onchange: () => this.#set({ where: this.filter.value.trim() }) });
    this.gates = new GateEditor(this.plot, {
      axes: () => this.axes, chosen: (gate) => this.#set({ gate }), looked: (inside) => this.#set({ in: inside, gate: inside }), changed: (gate) => this.#gatesChanged(gate),
    });
    this.cellLink = make("a", { class: "open-cell", hidden: true }, "Open the cell");
    this.labels = make("div");
    this.what = make("h2", {}, "Pictures");
    root.classList.add("explore");
    this.#lay();
    this.ends = [() => this.plot.close(), () => this.gallery.tiles.show(null, []), () => this.population.close(), () => this.time.close(), () => this.gates.close(), () => this.umap.close()];
    const again = setInterval(() => this.#again(), AGAIN_MS);
    this.ends.push(() => clearInterval(again));
  }

  #lay() {
    this.root.append(
      make("div", { class: "column" }, this.gates.panel),
      make("div", { class: "column centre" },
        make("section", { class: "panel grows", "aria-label": "Plot" },
          make("div", { class: "toolbar" }, this.x.element, this.y.element, this.umap.element, make("span", { class: "spacer" }), this.gates.tools),
          make("div", { class: "toolbar" }, this.filter, field("Colour", this.by), this.legend),
          this.plot.element),
        panel("History", { beside: this.time.note }, this.time.element)),
      make("div", { class: "column" },
        make("section", { class: "panel grows", "aria-label": "Pictures" },
          make("div", { class: "panel-head" }, this.what, this.gallery.order),
          this.gallery.element,
          make("div", { class: "gallery-tools" }, this.labels, this.cellLink))));
  }

  close() {
    this.closed = true;
    this.ends.forEach((end) => end());
  }

  get axes() {
    const { x, xs, y, ys } = this.query;
    return { x: { column: x, scale: xs }, y: { column: y, scale: ys } };
  }

  async move({ args, query }) {
    const id = args[0] ?? store.newestRun();
    const before = this.query;
    this.query = { ...START, ...query };
    if (!id) return this.plot.say("There is no run yet: start one in the live view.");
    try {
      if (this.run?.id !== id) await this.#look(id);
      if (this.run?.id === id && !this.closed) await this.#show(this.first ? null : before);
    } catch (problem) {
      this.plot.say(problem.message);
    }
  }

  async #look(id) {
    this.asked = id;
    const [run, maps, { counts }] = await Promise.all([openRun(id), api.getMaps(id), api.getLabels(id)]);
    if (this.asked !== id || this.closed) return;
    Object.assign(this, { run, maps, first: true, labelNames: Object.keys(counts) });
    this.selected.clear();
    this.gates.open(id);
    this.umap.look(run, maps);
    setChoices(this.by, groupings(run), null);
    const wanted = () => this.#wanted();
    this.labeller = new Labeller(id, wanted, (label) => this.#labelled(label));
    this.labels.replaceChildren(this.labeller.element);
  }

  /** Show what the address says, as far as it is not shown already. */
  async #show(before) {
    const { run, query } = this;
    this.first = false;
    const changed = (...names) => !before || names.some((name) => (before[name] ?? "") !== (query[name] ?? ""));
    if (!Object.keys(run.columns).length) {
      this.plot.say("Waiting for the first cell …");
      return;
    }
    for (const axis of ["x", "y"]) {
      if (run.columns[query[axis]] !== "number") query[axis] = axis === "x" ? "embedding_0" : "novelty";
    }
    this.x.offer(run.columns, this.axes.x);
    this.y.offer(run.columns, this.axes.y);
    this.by.value = query.by === "none" ? "" : query.by;
    this.filter.value = query.where ?? "";
    this.gallery.offer(run.columns);
    this.gallery.order.value = query.order;
    if (changed("x", "xs", "y", "ys")) {
      const titled = (axis) => ({ ...axis, title: axisTitle(axis, this.maps) });
      this.plot.setAxes(titled(this.axes.x), titled(this.axes.y));
    }
    if (changed("from", "to", "by")) this.#showHistory().catch((problem) => { this.time.note.textContent = problem.message; });
    if (changed("x", "xs", "y", "ys", "by", "in", "from", "to", "where")) this.#plotPopulation();
    const counted = changed("from", "to", "where") ? this.gates.load(this.#common()) : Promise.resolve();
    await counted;
    this.gates.show(query.gate ?? null, query.in ?? null);
    if (changed("gate", "in", "from", "to", "where", "order", "by")) this.#showPictures();
  }

  #number(name) {
    const value = Number(this.query[name]);
    return this.query[name] && Number.isFinite(value) ? value : null;
  }

  get groups() {
    return groupsOf(this.run, this.query.by === "none" ? "" : this.query.by, this.labelNames);
  }

  #plotPopulation() {
    const { run, axes, groups } = this;
    showLegend(this.legend, groups ? groups.names.map((name, index) => [index, name, null]) : []);
    this.population.show({ run, ...axes, where: this.#where(this.query.in), groups, live: goesOn(run.run) });
  }

  #showHistory() {
    return this.time.load(this.run, [this.#number("from"), this.#number("to")], this.groups);
  }

  #showPictures() {
    const { groups, query } = this;
    this.what.textContent = query.gate ? `Pictures of ${query.gate}` : "Pictures";
    return this.gallery.show(this.run, this.#where(query.gate ?? query.in), groups ? groups.of : () => 0);
  }

  /** Time and filter, which hold for everything. */
  #common() {
    const { where } = this.query;
    const [from, to] = [this.#number("from"), this.#number("to")];
    return [where && `(${where})`, from !== null && `time_s >= ${from}`, to !== null && `time_s < ${to}`].filter(Boolean).join(" and ");
  }

  #where(gate) {
    return [gate && `gate = '${gate}'`, this.#common()].filter(Boolean).join(" and ");
  }

  #set(news) {
    const query = Object.fromEntries(Object.entries({ ...this.query, ...news }).filter(([name, value]) => value !== START[name]));
    note(linkTo("explore", [this.run.id], query));
    this.move({ args: [this.run.id], query: Object.fromEntries(Object.entries(query).filter(([, value]) => value !== null && value !== "").map(([name, value]) => [name, String(value)])) });
  }

  async #gatesChanged(gate) {
    const inside = this.query.in;
    const before = this.query.gate;
    if (inside && !this.gates.book.find(inside)) return this.#set({ in: null, gate: null });
    if (gate !== before) return this.#set({ gate });
    this.gates.show(gate, inside ?? null);
    if (gate) this.#showPictures();
    if (inside) this.#plotPopulation();
  }

  #select(id, event) {
    if (event?.shiftKey || event?.ctrlKey || event?.metaKey) {
      if (!this.selected.delete(id)) this.selected.add(id);
    } else {
      const again = this.selected.size === 1 && this.selected.has(id) && event;
      if (again) return go(linkTo("cell", [this.run.id, id], { where: this.#where(this.query.gate ?? this.query.in) }));
      this.selected = new Set([id]);
    }
    this.plot.select(this.selected);
    this.gallery.tiles.select(this.selected);
    this.gallery.tiles.element.querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "nearest" });
    const [first] = this.selected;
    this.cellLink.hidden = this.selected.size !== 1;
    this.cellLink.textContent = `Open cell ${first}`;
    this.cellLink.href = linkTo("cell", [this.run.id, String(first)], { where: this.#where(this.query.gate ?? this.query.in) });
  }

  /** The chosen pictures; without any, the cells of the chosen gate. */
  #wanted() {
    if (this.selected.size) return { events: [...this.selected] };
    return this.query.gate ? { where: this.#where(this.query.gate) } : null;
  }

  #labelled(label) {
    if (label && !this.labelNames.includes(label)) this.labelNames = [...this.labelNames, label];
    this.#showPictures();
    if (this.query.by === "label") {
      this.#plotPopulation();
      this.#showHistory();
    }
    this.gates.load(this.#common()).then(() => this.gates.show(this.query.gate ?? null, this.query.in ?? null));
  }

  /** Columns come with the first cell, and axes of the embedding once there are enough to find them of. */
  async #grown() {
    const [maps, columns] = await Promise.all([api.getMaps(this.run.id), api.getColumns(this.run.id)]);
    const known = Object.keys(this.run.columns).length;
    if (Object.keys(columns).length === known) return;
    Object.assign(this, { maps, run: { ...this.run, columns } });
    this.umap.look(this.run, maps);
    await this.#show(known ? this.query : null);
  }

  /** While the run goes on, counts and pictures follow it. */
  async #again() {
    if (!this.run || !goesOn(this.run.run) || this.busy || this.closed) return;
    this.busy = true;
    try {
      if (!this.maps.length) await this.#grown();
      if (!Object.keys(this.run.columns).length) return;
      this.run.run = await api.getRun(this.run.id);
      this.umap.look(this.run, this.maps);
      await this.gates.load(this.#common());
      this.gates.show(this.query.gate ?? null, this.query.in ?? null);
      await this.#showHistory();
      if (!this.gallery.tiles.held && this.query.order === "-event_id" && (this.gallery.rows?.length ?? 0) <= 60) await this.#showPictures();
    } catch (problem) {
      this.gallery.note.textContent = problem.message;
    } finally {
      this.busy = false;
    }
  }
}

