// The cells that a filter lets through, put into a plot: each one as a point as they come, or many as a density.

import * as api from "../core/api.js";
import { count } from "../core/format.js";
import { SCALES } from "../core/scales.js";
import { listen } from "../core/socket.js";

export const MOST_POINTS = 20_000;
const SAMPLE = 2000;
const BINS = 180;
const MOST_LAYERS = 8;
const AGAIN_MS = 3000;
const SETTLED_MS = 250;

export class Population {
  constructor(plot, said) {
    Object.assign(this, { plot, said, asked: 0 });
  }

  close() {
    this.asked += 1;
    this.unlisten?.();
    clearTimeout(this.timer);
  }

  /** Show cells. `what` is `{ run, x, y, where, groups, live }`; axes are `{ column, scale }`. */
  async show(what) {
    this.close();
    const { asked } = this;
    this.what = what;
    this.said("Asking for the cells …");
    try {
      const { total } = await api.getCells(what.run.id, { where: what.where, limit: 1, fields: "event_id" });
      if (this.asked !== asked) return;
      if (total <= MOST_POINTS) return this.#points(asked);
      // Whatever is wrong with the question, the density says as well.
      this.#newest(asked, total).catch(() => {});
      await this.#density(asked, null);
    } catch (problem) {
      if (this.asked === asked) this.said(problem.message);
    }
  }

  /** Look closer: a density is counted again between the ends of what is looked at. */
  moved() {
    if (!this.plot.density) return;
    clearTimeout(this.timer);
    const { asked } = this;
    this.timer = setTimeout(() => this.#density(asked, this.plot.view), SETTLED_MS);
  }

  #points(asked) {
    const { run, where } = this.what;
    let next = 0;
    this.plot.points.clear();
    this.plot.density = null;
    this.said("Waiting for cells that the filter lets through …");
    this.unlisten = listen(() => api.cellsSocket(run.id, { after: next, fields: this.#fields(), where }), {
      take: (message) => {
        if (this.asked !== asked || message.type !== "cells") return;
        next = message.next;
        this.#add(message.rows);
        this.said("");
        // There are too many now to be shown one by one.
        if (this.plot.points.n > 1.2 * MOST_POINTS) this.show(this.what);
      },
      refused: (reason) => this.said(reason),
    });
  }

  /** The newest cells as points, so that there is something to see while all are counted. */
  async #newest(asked, total) {
    const { run, where } = this.what;
    const { rows } = await api.getCells(run.id, { where, order: "-event_id", limit: SAMPLE, fields: this.#fields() });
    if (this.asked !== asked || this.plot.density) return;
    this.plot.points.clear();
    this.#add(rows);
    this.said(`The newest ${count(rows.length)} cells, while all ${count(total)} are counted …`);
  }

  #fields() {
    const { x, y, groups } = this.what;
    return [...new Set(["event_id", x.column, y.column, groups?.column].filter(Boolean))].join();
  }

  #add(rows) {
    const { x, y, groups } = this.what;
    for (const row of rows) this.plot.points.add(row[x.column], row[y.column], groups ? groups.of(row) : 0, row.event_id);
    this.plot.grown();
  }

  async #density(asked, view) {
    // Who looks elsewhere meanwhile is not shown what was asked for before.
    const look = this.look = {};
    const overtaken = () => this.asked !== asked || this.look !== look;
    const { run, x, y, where, groups, live } = this.what;
    const ends = {};
    for (const [axis, { scale }] of Object.entries({ x, y })) {
      if (view) [ends[`${axis}_low`], ends[`${axis}_high`]] = view[axis].map(SCALES[scale].back);
    }
    const asks = { x: x.column, y: y.column, x_scale: x.scale, y_scale: y.scale, bins: BINS };
    try {
      const all = await api.getDensity(run.id, { ...asks, ...ends, where });
      if (overtaken()) return;
      const span = { x: [all.x_edges[0], all.x_edges.at(-1)], y: [all.y_edges[0], all.y_edges.at(-1)] };
      this.#put([{ counts: all.counts, group: null }], span, view);
      if (groups && groups.names.length <= MOST_LAYERS) await this.#layers(overtaken, asks, span, view);
    } catch (problem) {
      if (!overtaken()) this.said(problem.message);
    }
    if (live && !overtaken()) this.timer = setTimeout(() => this.#density(asked, this.plot.view), AGAIN_MS);
  }

  /** The same bins once more for every group, so that the picture has their colours. */
  async #layers(overtaken, asks, span, view) {
    const { run, x, y, where, groups } = this.what;
    const ends = { x_low: SCALES[x.scale].back(span.x[0]), x_high: SCALES[x.scale].back(span.x[1]), y_low: SCALES[y.scale].back(span.y[0]), y_high: SCALES[y.scale].back(span.y[1]) };
    const found = await Promise.all(groups.names.map((name, group) => {
      const one = groups.filter(name, group);
      return api.getDensity(run.id, { ...asks, ...ends, where: where ? `(${where}) and ${one}` : one });
    }));
    if (!overtaken()) this.#put(found.map(({ counts }, group) => ({ counts, group })), span, view);
  }

  #put(layers, span, view) {
    this.plot.setDensity(layers, span, view ? this.plot.ends : span);
    this.said("");
  }
}
