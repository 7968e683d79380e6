// What to acquire, with which model and gates, and when to stop; arm, start and stop.

import * as api from "../core/api.js";
import { choice, field, make, setChoices } from "../core/dom.js";
import { runTitle } from "../core/format.js";
import * as store from "../core/store.js";
import { Sequence } from "./sequence.js";

const RECORDS = [["none", "results only"], ["windows", "and the events' samples"], ["full", "and every sample"]];
const KEY = "lightline-asked";

const amount = (label, attributes) => field(label, make("input", { type: "number", placeholder: "no limit", ...attributes }));

export class RunControl {
  /** `started` is told when a run was begun here. */
  constructor(started) {
    const asked = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    this.started = started;

    this.name = make("input", { value: asked.name ?? "", maxlength: "128", placeholder: "its sample" });
    this.source = make("input", { id: "source", list: "sources", value: asked.source ?? "sim:sheet-ci", spellcheck: "false", required: true, maxlength: "1024" });
    this.sources = make("datalist", { id: "sources" });
    this.bundle = choice([["", "the instrument's own"]], "", () => {});
    this.cells = amount("Stop after cells", { id: "cells", min: "1", max: "1000000000", value: asked.cells });
    this.seconds = amount("or seconds", { id: "seconds", min: "0.001", max: "10000000", step: "any", value: asked.seconds });
    this.record = choice(RECORDS, asked.record ?? "none", () => {});
    this.gatesFrom = choice([["", "none"]], "", () => this.#gates());
    this.gate = choice([["", "no gate"]], "", () => {});
    this.gateCells = make("input", { type: "number", min: "1", max: "1000000000", placeholder: "cells" });
    this.sort = choice([["", "no"]], "", () => { this.sortAddress.disabled = !this.sort.value; });
    this.sortAddress = make("input", { value: "tcp://127.0.0.1:5560", maxlength: "256", spellcheck: "false", disabled: true });
    this.refit = make("input", { type: "checkbox" });
    this.sequence = new Sequence(() => (this.form.reportValidity() ? this.#request(false) : null), started);
    const button = (text, work, attributes = {}) => make("button", { type: "button", onclick: work, ...attributes }, text);
    this.arm = button("Arm", () => this.#begin(true), { title: "Open and warm everything, and wait" });
    this.start = make("button", { id: "start-button", class: "primary", type: "submit" }, "Start");
    this.stop = button("Stop", () => this.#tell(() => api.stopRun(this.run)), { id: "stop-button", disabled: true });
    this.known = button("I know", () => this.#tell(api.acknowledgeError), { hidden: true, title: "The last run did not end as it was asked to" });
    this.said = make("p", { class: "said", role: "status" });
    this.form = this.#form();
    this.element = make("div", {}, this.form, this.sequence.element, this.sequence.progress);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.state === "armed") this.#tell(() => api.startHeld(this.run));
      else this.#begin(false);
    });
    this.#offer();
  }

  #form() {
    return make("form", { id: "start", class: "run-control", autocomplete: "off" }, field("Source", this.source), this.sources,
      make("div", { class: "two" }, this.cells, this.seconds),
      make("details", {}, make("summary", {}, "Name, model, gates, sorting, recording"), make("div", { class: "run-control" },
        field("Name", this.name), field("Model", this.bundle), field("Keep", this.record), field("Begin with the gates of", this.gatesFrom),
        make("div", { class: "two" }, field("Stop after", this.gateCells), field("cells in", this.gate)),
        make("div", { class: "two" }, field("Sort the cells in", this.sort), field("decisions at", this.sortAddress)),
        make("label", { class: "tick" }, this.refit, "fit clusters again as cells come, each staying who it is"))),
      make("div", { class: "buttons" }, this.arm, this.start, this.stop, this.known), this.said);
  }

  /** What can be chosen, as the service says. */
  async #offer() {
    try {
      const [{ sources }, { bundles }] = await Promise.all([api.getSources(), api.getBundles()]);
      this.sources.replaceChildren(...sources.map(({ url, description }) => make("option", { value: url }, description)));
      setChoices(this.bundle, [["", "the instrument's own"], ...bundles.map(({ bundle, name, shipped }) => [bundle, shipped ? name : `${name}, of a run`])], "");
    } catch (problem) {
      this.#say(problem.message, "error");
    }
  }

  async #gates() {
    const run = this.gatesFrom.value;
    const { gates } = run ? await api.getGates(run, {}).catch(() => ({ gates: [] })) : { gates: [] };
    const names = gates.filter(({ gate }) => gate).map(({ name }) => [name, name]);
    setChoices(this.gate, [["", "no gate"], ...names], "");
    setChoices(this.sort, [["", "no"], ...names], "");
    this.sortAddress.disabled = true;
  }

  show(status) {
    const { state } = status;
    Object.assign(this, { run: status.run_id, state });
    const busy = this.asking || store.isBusy(status);
    this.arm.disabled = busy;
    this.start.disabled = this.asking || (busy && state !== "armed");
    this.stop.disabled = !["armed", "acquiring"].includes(state);
    this.known.hidden = state !== "error";
    this.sequence.show(status);
    const runs = store.get("runs").map((run) => [run.id, runTitle(run)]);
    setChoices(this.gatesFrom, [["", "none"], ...runs], this.gatesFrom.value);
  }

  #say(text, kind = "") {
    this.said.textContent = text;
    this.said.dataset.kind = kind;
  }

  /** At the pace of the instrument: this page is for watching. */
  #request(hold) {
    const number = (input) => (input.value ? Number(input.value) : null);
    const gate = this.gate.value && this.gateCells.value ? { gate: this.gate.value, cells: Number(this.gateCells.value) } : null;
    const sort = this.sort.value ? { gate: this.sort.value, address: this.sortAddress.value.trim() } : null;
    return {
      name: this.name.value.trim(), source: this.source.value.trim(), cells: number(this.cells.querySelector("input")), seconds: number(this.seconds.querySelector("input")),
      record: this.record.value, bundle: this.bundle.value || null, gates_from: this.gatesFrom.value || null, stop: gate, sort,
      refit: this.refit.checked, speed: 1, hold,
    };
  }

  async #begin(hold) {
    if (!this.form.reportValidity()) return;
    const request = this.#request(hold);
    const { name, source, cells, seconds, record } = request;
    localStorage.setItem(KEY, JSON.stringify({ name, source, cells, seconds, record }));
    this.asking = this.start.disabled = this.arm.disabled = true;
    this.#say("Opening the source and warming the model …");
    try {
      await api.startRun(request);
      this.#say(hold ? "Armed: Start begins at once." : "");
      this.started();
    } catch (problem) {
      this.#say(problem.message, "error");
    } finally {
      this.asking = false;
      this.show(store.get("status"));
    }
  }

  async #tell(work) {
    try {
      await work();
      this.#say("");
    } catch (problem) {
      this.#say(problem.message, "error");
    }
  }
}
