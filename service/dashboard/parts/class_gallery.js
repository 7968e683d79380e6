// Cells of every class as pictures: those that the model is surest of, those that it doubts, or the least ordinary ones.

import * as api from "../core/api.js";
import { choice, field, make } from "../core/dom.js";
import { count } from "../core/format.js";
import { go, linkTo } from "../core/router.js";
import { Tiles } from "./tiles.js";

const EACH = 8;
const FIELDS = "event_id,cluster,class,novel,label";
const ORDERS = [["-class_probability", "surest first"], ["class_probability", "most in doubt first"], ["-novelty", "least ordinary first"]];

export class ClassGallery {
  /** `order` is the one to begin with; `chosen` is told another one. */
  constructor(run, order, chosen) {
    this.run = run;
    this.by = run.contract.classes.length ? "class" : "cluster";
    this.names = this.by === "class" ? run.contract.classes : run.contract.clusters;
    this.order = choice(this.by === "class" ? ORDERS : ORDERS.slice(2), order, () => { chosen(this.order.value); this.#show(); });
    this.rows = make("div", { class: "class-rows" });
    this.element = make("div", {}, field("Order", this.order), this.rows);
    this.#show();
  }

  async #show() {
    const order = this.order.value;
    const rows = await Promise.all(this.names.map((name, k) => this.#row(name, k, order)));
    if (order === this.order.value) this.rows.replaceChildren(...rows);
  }

  async #row(name, k, order) {
    const where = this.by === "class" ? `class = '${name.replaceAll("'", "''")}'` : `cluster = ${k}`;
    const tiles = new Tiles(`Cells called ${name}`, (id) => go(linkTo("cell", [this.run.id, id], { where })));
    // The heading names the class of all of them.
    tiles.nameOf = (row) => row.label ?? "";
    const said = make("span", { class: "note" });
    try {
      const { rows, total } = await api.getCells(this.run.id, { where, order, limit: EACH, fields: FIELDS });
      tiles.show(this.run.id, rows, this.run.pixel_um);
      said.textContent = total ? `${count(total)} cells · bar 5 µm` : "no cells in this run";
    } catch (problem) {
      said.textContent = problem.message;
    }
    return make("section", { "aria-label": `Cells called ${name}` }, make("div", { class: "panel-head" }, make("h3", {}, name), said), tiles.element);
  }
}
