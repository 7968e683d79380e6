// The pictures of a population, in the order of any column, a page at a time.

import * as api from "../core/api.js";
import { choice, make, setChoices } from "../core/dom.js";
import { count } from "../core/format.js";
import { numbersOf } from "../core/run.js";
import { Tiles } from "./tiles.js";

const PAGE = 60;
const FIELDS = "event_id,cluster,class,novel,label";

export class CellGallery {
  /** `choose` gets the id of a picture that was clicked and the event, `sorted` the order that was chosen. */
  constructor(choose, sorted) {
    this.tiles = new Tiles("Cells of the population", choose);
    this.order = choice([["-event_id", "newest first"]], "-event_id", () => sorted(this.order.value), { "aria-label": "Order" });
    this.more = make("button", { type: "button", hidden: true, onclick: () => this.#next() }, "More");
    this.note = make("span", { class: "note", role: "status" });
    this.element = make("div", { class: "cell-gallery" }, this.tiles.element, make("div", { class: "gallery-foot" }, this.note, this.more));
    this.asked = 0;
  }

  offer(columns) {
    const orders = [["-event_id", "newest first"], ["event_id", "oldest first"],
      ...["-novelty", "class_probability", ...numbersOf(columns).filter((name) => name !== "event_id" && !/^(embedding_|pc)\d+$/.test(name))].flatMap((name) => {
        const plain = name.replace("-", "");
        if (!(plain in columns)) return [];
        return [[`-${plain}`, `${plain}, largest first`], [plain, `${plain}, smallest first`]];
      })];
    setChoices(this.order, [...new Map(orders)], this.order.value || "-event_id");
  }

  /** Show the first page of the cells that a filter lets through. */
  async show(run, where, groupOf) {
    const asked = (this.asked += 1);
    this.tiles.groupOf = groupOf;
    Object.assign(this, { run, where });
    try {
      const page = await this.#page(0);
      if (this.asked !== asked) return;
      this.rows = page.rows;
      this.#put(page);
    } catch (problem) {
      if (this.asked !== asked) return;
      this.tiles.show(null, []);
      this.more.hidden = true;
      this.note.textContent = problem.message;
    }
  }

  #page(after) {
    return api.getCells(this.run.id, { where: this.where, order: this.order.value, after, limit: PAGE, fields: FIELDS });
  }

  async #next() {
    const asked = this.asked;
    const page = await this.#page(this.after);
    if (this.asked !== asked) return;
    this.rows = [...this.rows, ...page.rows];
    this.#put(page);
  }

  #put({ next, total }) {
    this.after = next;
    this.more.hidden = next === null;
    this.tiles.show(this.run.id, this.rows, this.run.pixel_um);
    this.note.textContent = total ? `${count(this.rows.length)} of ${count(total)} cells · bar 5 µm` : "No cells here yet.";
  }
}
