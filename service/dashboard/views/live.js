// What the instrument does now: its run, its losses, its newest cells.

import * as api from "../core/api.js";
import { make, panel } from "../core/dom.js";
import { count, number } from "../core/format.js";
import { go, linkTo } from "../core/router.js";
import { openRun } from "../core/run.js";
import { listen } from "../core/socket.js";
import * as store from "../core/store.js";
import { aboutRun } from "../parts/about_run.js";
import { Concerns } from "../parts/concerns.js";
import { Decisions } from "../parts/decisions.js";
import { LedgerList } from "../parts/ledger.js";
import { showLegend } from "../parts/legend.js";
import { Operator } from "../parts/operator.js";
import { Plot } from "../parts/plot.js";
import { Proportions } from "../parts/proportions.js";
import { RatePlot } from "../parts/rate.js";
import { RunControl } from "../parts/run_control.js";
import { Stages } from "../parts/stages.js";
import { Tiles } from "../parts/tiles.js";
import { Traces } from "../parts/traces.js";

const FIELDS = "event_id,cluster,class,novel,label,embedding_0,embedding_1";
const MOST_POINTS = 50_000;
const MOST_TILES = 48;
const SLOW_MS = 1000;

export const title = "Live";

export function open(root, place) {
  const view = new LiveView(root);
  view.move(place);
  return view;
}

class LiveView {
  constructor(root) {
    const choose = (cell) => go(linkTo("cell", [this.id, cell]));
    this.control = new RunControl(() => go(linkTo("live")));
    this.operator = new Operator();
    this.ledger = new LedgerList();
    this.rate = new RatePlot();
    this.stages = new Stages();
    this.proportions = new Proportions();
    this.scope = new Traces();
    this.plot = new Plot("Scatter of the first two embedding axes; arrow keys step from cell to cell", { pick: choose });
    this.plot.canvas.id = "scatter";
    this.tiles = new Tiles("Latest cells", choose);
    this.tiles.element.id = "gallery";
    this.legend = make("ul", { id: "legend", class: "legend", "aria-label": "Clusters and their counts" });
    this.note = make("span", { class: "note" });
    this.about = make("div", {}, aboutRun(null));
    this.concerns = new Concerns();
    this.elsewhereLink = make("a", { href: linkTo("live") }, "look at it");
    this.elsewhere = make("p", { class: "panel elsewhere", hidden: true }, "This is an earlier run. Another one is in progress: ", this.elsewhereLink, ".");
    this.decisions = new Decisions();
    this.toGo = make("p", { class: "to-go", hidden: true });
    this.refit = make("p", { class: "note", hidden: true });
    root.classList.add("live");
    root.append(
      make("div", { class: "column" }, this.elsewhere, this.concerns.element,
        panel("Acquisition", {}, this.control.element, this.operator.element), panel("Ledger", {}, this.toGo, this.ledger.element),
        this.decisions.element, panel("This run", {}, this.about)),
      make("div", { class: "column centre" },
        panel("Embedding", { name: "grows", beside: this.legend }, this.plot.element),
        panel("Latest cells", { name: "gallery-panel", beside: this.note }, this.tiles.element)),
      make("div", { class: "column" },
        panel("Event rate", { beside: this.rate.figure }, this.rate.element),
        panel("Clusters over time", {}, this.proportions.element, this.refit),
        panel("Time per stage (ms)", {}, this.stages.element),
        panel("Scope: newest event", { name: "grows scope" }, this.scope.element)));
    this.ends = [store.watch("status", (status) => this.#status(status)), () => this.plot.close(), () => this.tiles.show(null, []), () => this.rate.close(),
      () => this.scope.close(), () => this.proportions.close(), () => this.unlisten?.()];
    const slow = setInterval(() => this.#slow(), SLOW_MS);
    this.ends.push(() => clearInterval(slow));
  }

  close() {
    this.closed = true;
    this.ends.forEach((end) => end());
  }

  /** Follow the newest run, or show the one that the address names. */
  move({ args }) {
    this.asked = args[0] ?? null;
    this.#follow();
  }

  #status(status) {
    this.status = status;
    this.control.show(status);
    this.operator.show(status.operator);
    this.#follow();
    const live = status.run_id === this.id && store.isBusy(status);
    if (live) this.ledger.show(status.ledger);
    this.rate.show(live ? status.event_rate_hz : null);
    this.stages.show(status.run_id === this.id ? status : { latency: {}, queues: {} });
    const elsewhere = store.isBusy(status) && status.run_id !== this.id;
    this.elsewhere.hidden = !elsewhere;
    this.elsewhereLink.href = linkTo("live", [status.run_id]);
    this.concerns.show(status);
    this.decisions.show(live ? status : {});
    this.#progress(live ? status : {});
    // A run's own document says more, and is asked for when its state changes.
    const sign = `${status.state} ${status.run_id}`;
    if (sign !== this.sign) {
      this.sign = sign;
      this.#facts();
    }
  }

  /** How far a run with a rule by gate is, and which clusters answer where they are fitted again. */
  #progress({ stop, refit }) {
    this.toGo.hidden = !stop;
    if (stop) {
      const bar = make("progress", { max: String(stop.wanted), value: String(Math.min(stop.cells, stop.wanted)), "aria-label": `Cells in ${stop.gate}` });
      this.toGo.replaceChildren(`${count(stop.cells)} of ${count(stop.wanted)} cells in ${stop.gate}`, bar);
    }
    this.refit.hidden = !refit;
    if (refit) this.refit.textContent = refitInWords(refit, this.run?.contract.clusters ?? []);
  }

  #follow() {
    const id = this.asked ?? store.newestRun();
    if (id && id !== this.id) this.#look(id);
    else if (!id) this.plot.empty.textContent = "No cells yet. Choose a source and press Start.";
  }

  async #look(id) {
    this.id = id;
    this.unlisten?.();
    this.rate.clear();
    Object.assign(this, { run: null, rows: [], next: 0, counts: new Map(), newest: 0, scoped: 0 });
    this.plot.setAxes({ scale: "linear", title: "embedding axis 0 (latent units)" }, { scale: "linear", title: "embedding axis 1 (latent units)" });
    this.plot.empty.textContent = "Waiting for the first cell …";
    this.plot.empty.hidden = false;
    this.scope.clear();
    this.proportions.clear();
    this.tiles.show(null, []);
    showLegend(this.legend, []);
    try {
      const run = await openRun(id);
      if (this.id !== id || this.closed) return;
      this.run = run;
      this.#facts();
      this.next = Math.max(0, run.run.ledger.detected - MOST_POINTS);
      this.unlisten = listen(() => api.cellsSocket(id, { after: this.next, fields: FIELDS }), {
        take: (message) => this.#take(message),
        refused: (reason) => { this.plot.empty.hidden = false; this.plot.empty.textContent = reason; },
      });
    } catch (problem) {
      this.plot.empty.textContent = problem.message;
    }
  }

  async #facts() {
    if (!this.run) return this.about.replaceChildren(aboutRun(null));
    const { id } = this.run;
    const document = await api.getRun(id).catch(() => null);
    if (!document || this.run?.id !== id) return;
    this.run.run = document;
    this.about.replaceChildren(aboutRun(document));
    if (!(this.status?.run_id === id && store.isBusy(this.status))) this.ledger.show(document.ledger);
    this.proportions.show(this.run, true);
  }

  #take({ type, rows, next }) {
    if (type !== "cells") return;
    this.next = next;
    for (const row of rows) {
      this.plot.points.add(row.embedding_0, row.embedding_1 ?? 0, row.cluster, row.event_id);
      this.counts.set(row.cluster, (this.counts.get(row.cluster) ?? 0) + 1);
    }
    if (this.plot.points.n > 1.2 * MOST_POINTS) this.plot.points.keep(MOST_POINTS);
    this.plot.empty.hidden = true;
    this.plot.grown();
    this.rows = [...this.rows, ...rows.slice(-MOST_TILES)].slice(-MOST_TILES);
    this.newest = rows.at(-1).event_id;
    if (!this.shown) this.#slow();
  }

  /** What need not follow every message. */
  #slow() {
    if (!this.run || !this.rows.length) return;
    const { clusters } = this.run.contract;
    const groups = [...this.counts.keys()].sort((a, b) => a - b);
    showLegend(this.legend, groups.map((group) => [group, clusters[group] ?? `cluster ${group}`, this.counts.get(group)]));
    const waiting = this.tiles.held && this.shown !== this.newest;
    this.note.textContent = waiting ? "held while you point at it" : `scale bar 5 µm · ${this.run.pixel_um} µm per pixel`;
    if (!waiting && this.shown !== this.newest) {
      this.shown = this.newest;
      this.tiles.show(this.id, this.rows.toReversed(), this.run.pixel_um);
    }
    this.proportions.show(this.run, false);
    if (this.scoped !== this.newest) {
      this.scoped = this.newest;
      this.scope.show(this.run, this.newest).catch(() => { this.scoped = 0; });
    }
  }
}

/** Which mixture gives the clusters, and how far each is from what it was before. */
function refitInWords({ mixture, cells, distance, refused }, names) {
  const kept = mixture
    ? `Clusters were fitted again ${count(mixture)} times, last to ${count(cells)} cells`
    : "Clusters are the model's own until the first fit to this run's cells";
  const most = distance.length ? distance.indexOf(Math.max(...distance)) : -1;
  const moved = most < 0 ? "" : `; each was found again, ${names[most] ?? `cluster ${most}`} moved most (distance ${number(distance[most])})`;
  return `${kept}${moved}${refused ? `; ${count(refused)} fits were not taken` : ""}.`;
}
