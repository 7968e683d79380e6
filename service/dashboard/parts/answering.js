// Other models' answers for the cells of a run that is over: those that there are, and one more.

import * as api from "../core/api.js";
import { choice, field, make, setChoices, tried } from "../core/dom.js";
import { count } from "../core/format.js";
import { linkTo } from "../core/router.js";
import { goesOn } from "../core/run.js";
import { TaskLine } from "./task_line.js";

const MISSING = "missing";
const lost = ({ dropped }) => Object.values(dropped).reduce((sum, value) => sum + value, 0);

export class Answering {
  /** `made` is told when a run has another result set. */
  constructor(made) {
    this.model = choice([], null, () => {});
    this.begin = make("button", { type: "submit", class: "primary" }, "Answer again");
    this.line = new TaskLine(() => { this.#list(); made(); });
    this.said = make("span", { class: "error", role: "alert" });
    this.sets = make("ul", { class: "sets", "aria-label": "Who answered for run A" });
    this.form = make("form", { class: "exporting", autocomplete: "off" }, field("Model", this.model), this.begin, this.line.element, this.said);
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.#begin(); });
    this.element = make("div", {}, this.sets, this.form);
  }

  close() {
    this.line.close();
  }

  /** Have this run answered from now on. */
  async show(run) {
    this.begin.disabled = goesOn(run);
    this.begin.title = goesOn(run) ? "When the run has ended" : "";
    if (run.id === this.run?.id) return;
    this.run = run;
    this.said.textContent = "";
    await tried(this.said, async () => {
      const [{ bundles }] = await Promise.all([api.getBundles(), this.#list(), this.line.show({ kind: "results", run: run.id })]);
      if (run !== this.run) return;
      const fitting = bundles.filter((one) => one.instrument_kind === run.instrument.optics.kind);
      const others = fitting.map(({ bundle, name, digest }) => [bundle, `${name} · ${digest.slice(0, 6)}`]);
      setChoices(this.model, lost(run.ledger) ? [...others, [MISSING, "its own, for what was left out"]] : others, null);
    });
  }

  async #list() {
    const { id } = this.run;
    const sets = await api.getSets(id);
    if (id !== this.run.id) return;
    this.sets.replaceChildren(...sets.map((set) => {
      const name = set.name === "live" ? `${set.bundle}, as it flowed` : `${set.name} · ${set.bundle}`;
      const state = set.state === "done" ? "" : ", not complete: asking again goes on with it";
      return make("li", {}, make("a", { href: linkTo("explore", [id], { results: set.name === "live" ? null : set.name }) }, name),
        make("span", { class: "note" }, ` ${count(set.ledger.stored)} cells${state}`));
    }));
  }

  #begin() {
    const wanted = this.model.value === MISSING ? { missing: true } : { bundle: this.model.value };
    return tried(this.said, async () => this.line.show({}, await api.makeResults(this.run.id, wanted)));
  }
}
