// Who has the controls of the instrument: taken for a while, given back, or taken over.

import * as api from "../core/api.js";
import { make, tried } from "../core/dom.js";

const KEY = "lightline-operator";

export class Operator {
  constructor() {
    this.name = make("input", { value: localStorage.getItem(KEY) ?? "", placeholder: "your name", maxlength: "64", "aria-label": "Your name, to have the controls alone", size: "10" });
    this.held = make("span", { class: "note" });
    this.take = make("button", { type: "submit" }, "Take controls");
    this.give = make("button", { type: "button", onclick: () => tried(this.said, api.giveControls) }, "Give back");
    this.said = make("p", { class: "said error", role: "status" });
    this.element = make("form", { class: "operator", autocomplete: "off" }, this.held, this.name, this.take, this.give, this.said);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      const name = this.name.value.trim();
      if (!name) return this.name.focus();
      localStorage.setItem(KEY, name);
      // Who sees the other's name on the button knows what it does.
      tried(this.said, () => api.takeControls(name, this.holder !== null));
    });
    this.show(null);
  }

  show(operator) {
    this.holder = operator?.name ?? null;
    this.held.textContent = operator ? `${operator.name} has the controls, free again after ${Math.max(1, Math.ceil(operator.left_s / 60))} min without use` : "";
    this.take.textContent = operator ? "Take over" : "Take controls";
    this.give.hidden = !operator;
  }
}
