// The cells that a filter lets through, put into a plot: each one as a point as they come, or many as a density.

import * as api from "../core/api.js";
import { along, isComponent, principalComponents } from "../core/pca.js";
import { SCALES } from "../core/scales.js";
import { listen } from "../core/socket.js";

export const MOST_POINTS = 20_000;
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
      const composed = isComponent(what.x.column) || isComponent(what.y.column);
      const [{ total }, components] = await Promise.all([
        api.getCells(what.run.id, { where: what.where, limit: 1, fields: "event_id" }), composed ? principalComponents(what.run) : null]);
      if (this.asked !== asked) return;
      this.components = components;
      // The service has no columns of components to count by: of very many cells the newest are shown.
      if (total > MOST_POINTS && composed) this.#points(asked, Math.max(0, what.run.run.ledger.detected - MOST_POINTS));
      else if (total > MOST_POINTS) await this.#density(asked, null);
      else this.#points(asked);
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

  #points(asked, first = 0) {
    const { run, x, y, where, groups } = this.what;
    const { components } = this;
    const columns = [x, y].flatMap(({ column }) => (isComponent(column) ? components.names : [column]));
    const fields = [...new Set(["event_id", ...columns, groups?.column].filter(Boolean))].join();
    const value = ({ column }, row) => (isComponent(column) ? along(components, column, row) : row[column]);
    let next = first;
    this.plot.points.clear();
    this.plot.density = null;
    this.said("Waiting for cells that the filter lets through …");
    this.unlisten = listen(() => api.cellsSocket(run.id, { after: next, fields, where }), {
      take: (message) => {
        if (this.asked !== asked || message.type !== "cells") return;
        next = message.next;
        for (const row of message.rows) {
          this.plot.points.add(value(x, row), value(y, row), groups ? groups.of(row) : 0, row.event_id);
        }
        this.plot.grown();
        this.said("");
        // There are too many now to be shown one by one.
        if (this.plot.points.n > 1.2 * MOST_POINTS) {
          if (components) this.plot.points.keep(MOST_POINTS);
          else this.show(this.what);
        }
      },
      refused: (reason) => this.said(reason),
    });
  }

  async #density(asked, view) {
    const { run, x, y, where, groups, live } = this.what;
    const ends = {};
    for (const [axis, { scale }] of Object.entries({ x, y })) {
      if (view) [ends[`${axis}_low`], ends[`${axis}_high`]] = view[axis].map(SCALES[scale].back);
    }
    const asks = { x: x.column, y: y.column, x_scale: x.scale, y_scale: y.scale, bins: BINS };
    try {
      const all = await api.getDensity(run.id, { ...asks, ...ends, where });
      if (this.asked !== asked) return;
      const span = { x: [all.x_edges[0], all.x_edges.at(-1)], y: [all.y_edges[0], all.y_edges.at(-1)] };
      this.#put([{ counts: all.counts, group: null }], span, view);
      if (groups && groups.names.length <= MOST_LAYERS) await this.#layers(asked, asks, span, view);
    } catch (problem) {
      if (this.asked === asked) this.said(problem.message);
    }
    if (live && this.asked === asked) this.timer = setTimeout(() => this.#density(asked, this.plot.view), AGAIN_MS);
  }

  /** The same bins once more for every group, so that the picture has their colours. */
  async #layers(asked, asks, span, view) {
    const { run, x, y, where, groups } = this.what;
    const ends = { x_low: SCALES[x.scale].back(span.x[0]), x_high: SCALES[x.scale].back(span.x[1]), y_low: SCALES[y.scale].back(span.y[0]), y_high: SCALES[y.scale].back(span.y[1]) };
    const found = await Promise.all(groups.names.map((name, group) => {
      const one = groups.filter(name, group);
      return api.getDensity(run.id, { ...asks, ...ends, where: where ? `(${where}) and ${one}` : one });
    }));
    if (this.asked === asked) this.#put(found.map(({ counts }, group) => ({ counts, group })), span, view);
  }

  #put(layers, span, view) {
    const before = this.plot.ends;
    this.plot.setDensity(layers, span);
    if (view) this.plot.ends = before;
    this.said("");
  }
}
