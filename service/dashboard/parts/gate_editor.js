// Everything about gates: tools to draw them, their tree, their numbers, and going back.

import { make, panel } from "../core/dom.js";
import { GateBook } from "./gate_book.js";
import { gateFields } from "./gate_fields.js";
import { GateLayer } from "./gate_layer.js";
import { regionOf, shapeOf } from "./gate_shapes.js";
import { GateTree } from "./gate_tree.js";

const TOOLS = [["rectangle", "▭", "R", "a rectangle"], ["polygon", "⬠", "P", "a polygon"], ["ellipse", "◯", "E", "an ellipse"]];
const NAME = "[A-Za-z0-9_][A-Za-z0-9_ .+\\/\\(\\)\\-]{0,63}";

export class GateEditor {
  /** `axes` gives the plot's axes; `chosen`, `looked` and `changed` get the name of a gate, null for all cells. */
  constructor(plot, { axes, chosen, looked, changed }) {
    Object.assign(this, { plot, axes, told: changed, chosen, gate: null, inside: null });
    this.layer = new GateLayer(plot, { changed: (name, shape) => this.#reshape(name, shape), drawn: (shape) => this.#drawn(shape), chosen });
    this.tree = new GateTree(chosen, looked);
    this.fields = make("div");
    this.said = make("p", { class: "said", role: "status" });
    this.undoButton = make("button", { type: "button", class: "icon-button", "aria-label": "Undo", title: "Undo (Ctrl Z)", onclick: () => this.#back("undo") }, "↶");
    this.redoButton = make("button", { type: "button", class: "icon-button", "aria-label": "Redo", title: "Redo (Ctrl Y)", onclick: () => this.#back("redo") }, "↷");
    this.buttons = new Map(TOOLS.map(([kind, sign, key, name]) => [kind, make("button", {
      type: "button", class: "icon-button", title: `Draw ${name} (${key})`, "aria-label": `Draw ${name}`, "aria-pressed": "false", onclick: (event) => this.#take(kind, event.detail === 0),
    }, sign)]));
    this.tools = make("span", { class: "tools", role: "group", "aria-label": "Gates" }, ...this.buttons.values());
    this.naming = this.#nameForm();
    this.panel = panel("Gates", { name: "grows gates", beside: make("span", { class: "tools" }, this.undoButton, this.redoButton) },
      this.naming, this.said, make("div", { class: "scrolls" }, this.tree.element), this.fields);
    this.onkey = (event) => this.#key(event);
    document.addEventListener("keydown", this.onkey);
  }

  close() {
    this.layer.close();
    document.removeEventListener("keydown", this.onkey);
  }

  open(run) {
    this.book = new GateBook(run);
    this.where = "";
  }

  /** Count the cells of all gates that a filter lets through. */
  async load(where) {
    this.where = where;
    await this.book.load(where);
  }

  /** Show the gates, with one chosen and the cells of one plotted. */
  show(gate, inside) {
    Object.assign(this, { gate: this.book.find(gate) ? gate : null, inside });
    this.tree.show(this.book, this.gate, inside);
    this.#draw();
    this.undoButton.disabled = !this.book.done.length;
    this.redoButton.disabled = !this.book.undone.length;
    const version = this.book.find(this.gate);
    // Not of how many cells are in it: somebody may be typing while they are counted.
    const sign = JSON.stringify(version ? [version.name, version.version, version.gate, this.book.gates.map((gate) => gate.name)] : null);
    if (sign === this.sign) return;
    this.sign = sign;
    this.fields.replaceChildren(...(version ? [this.#fieldsOf(version)] : []));
  }

  /** Gates that lie in what is plotted, and the chosen one. */
  #draw() {
    const axes = this.axes();
    const shown = this.book.gates.filter(({ name, gate }) => name === this.gate || (gate.parent ?? null) === this.inside);
    const shapes = shown.map(({ name, gate }) => ({ name, chosen: name === this.gate, shape: shapeOf(gate.region, axes) }));
    this.layer.show(shapes.filter(({ shape }) => shape));
  }

  #fieldsOf(version) {
    const { name } = version;
    const others = this.book.gates.map((gate) => gate.name).filter((other) => !this.#under(other, name));
    return gateFields(version, others, (body) => this.#change(name, body), () => this.#change(name, null));
  }

  /** Whether a gate is another one or lies in it. */
  #under(name, above) {
    for (let at = name; at; at = this.book.find(at)?.gate.parent) if (at === above) return true;
    return false;
  }

  #nameForm() {
    this.name = make("input", { required: true, maxlength: "64", pattern: NAME, "aria-label": "Name of the new gate", title: "Letters, digits, spaces and _ . + - / ( )" });
    const form = make("form", { class: "naming", hidden: true, autocomplete: "off" }, this.name,
      make("button", { type: "submit", class: "primary" }, "Keep"), make("button", { type: "button", onclick: () => this.#dropNew() }, "Drop"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const region = regionOf(this.new, this.axes());
      this.#dropNew();
      this.#change(this.name.value.trim(), { parent: this.inside, region, note: "" });
    });
    return form;
  }

  #take(kind, byKey) {
    if (!this.plot.shown) {
      this.said.textContent = "Gates are drawn around cells: wait for the first ones.";
      return;
    }
    const tool = this.layer.tool === kind ? null : kind;
    this.layer.use(tool);
    this.#press(tool);
    this.said.textContent = tool === "polygon" ? "Click the corners; double-click or Enter closes." : tool ? "Drag from corner to corner." : "";
    if (tool && byKey) this.layer.middle();
  }

  #press(tool) {
    for (const [kind, button] of this.buttons) button.setAttribute("aria-pressed", String(kind === tool));
  }

  #drawn(shape) {
    this.#press(null);
    this.said.textContent = "";
    if (!shape) return;
    this.new = shape;
    this.layer.draft = shape;
    this.layer.draw();
    this.naming.hidden = false;
    this.name.value = this.book.freeName();
    this.name.focus();
    this.name.select();
  }

  #dropNew() {
    this.layer.draft = null;
    this.layer.draw();
    this.naming.hidden = true;
  }

  #reshape(name, shape) {
    const { parent, note } = this.book.find(name).gate;
    return this.#change(name, { parent, note, region: regionOf(shape, this.axes()) });
  }

  /** Who changed a gate may have chosen another meanwhile; a new one is chosen. */
  #change(name, body) {
    const made = body && !this.book.find(name);
    return this.#try(() => this.book.change(name, body), made ? () => name : () => this.gate);
  }

  #back(way) {
    const name = this.book[way === "undo" ? "done" : "undone"].at(-1)?.name;
    return this.#try(() => this.book[way](), () => name);
  }

  /** Do something with the gates and count again; what went wrong is said, and how they really stand is shown. */
  async #try(work, next) {
    try {
      await work();
      this.said.textContent = "";
    } catch (problem) {
      this.said.textContent = problem.message;
    }
    try {
      await this.load(this.where);
    } catch (problem) {
      this.said.textContent = problem.message;
    }
    const name = this.book.find(next()) ? next() : null;
    this.show(name, this.inside);
    this.told(name);
  }

  #key(event) {
    if (event.target.closest("input, select, textarea")) return;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) {
      event.preventDefault();
      return this.#back(key === "y" || event.shiftKey ? "redo" : "undo");
    }
    const tool = TOOLS.find(([, , letter]) => letter.toLowerCase() === key);
    if (tool && !event.ctrlKey && !event.metaKey && !event.altKey) this.#take(tool[0], false);
  }
}
