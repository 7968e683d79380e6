// What to acquire and when to stop; start and stop.

import * as api from "../core/api.js";
import { choice, field, make } from "../core/dom.js";
import * as store from "../core/store.js";

const SOURCES = [["sim:sheet-ci", "simulated light sheet"], ["sim:stretch-ci", "simulated time stretch"]];
const RECORDS = [["none", "results only"], ["windows", "and the events' samples"], ["full", "and every sample"]];
const KEY = "lightline-asked";

export class RunControl {
  /** `started` gets the id of a run that was begun here. */
  constructor(started) {
    const asked = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    this.started = started;
    this.source = make("input", { id: "source", list: "sources", value: asked.source ?? SOURCES[0][0], spellcheck: "false", required: true, maxlength: "1024" });
    this.cells = make("input", { id: "cells", type: "number", min: "1", max: "1000000000", placeholder: "no limit", value: asked.cells });
    this.seconds = make("input", { id: "seconds", type: "number", min: "0.001", max: "10000000", step: "any", placeholder: "no limit", value: asked.seconds });
    this.record = choice(RECORDS, asked.record ?? "none", () => {});
    this.startButton = make("button", { id: "start-button", class: "primary", type: "submit" }, "Start");
    this.stopButton = make("button", { id: "stop-button", type: "button", disabled: true, onclick: () => this.#stop() }, "Stop");
    this.said = make("p", { class: "said", role: "status" });
    this.element = make("form", { id: "start", class: "run-control", autocomplete: "off" },
      field("Source", this.source), make("datalist", { id: "sources" }, ...SOURCES.map(([value, text]) => make("option", { value }, text))),
      make("div", { class: "two" }, field("Stop after cells", this.cells), field("or seconds", this.seconds)),
      field("Keep", this.record),
      make("div", { class: "buttons" }, this.startButton, this.stopButton), this.said);
    this.element.addEventListener("submit", (event) => { event.preventDefault(); this.#start(); });
  }

  show(status) {
    this.run = status.run_id;
    this.startButton.disabled = this.asking || store.isBusy(status);
    this.stopButton.disabled = !["armed", "acquiring"].includes(status.state);
  }

  #say(text, kind = "") {
    this.said.textContent = text;
    this.said.dataset.kind = kind;
  }

  /** At the pace of the instrument: this page is for watching. */
  get request() {
    const amount = (input) => (input.value ? Number(input.value) : null);
    return { source: this.source.value.trim(), cells: amount(this.cells), seconds: amount(this.seconds), record: this.record.value, speed: 1 };
  }

  async #start() {
    const { request } = this;
    localStorage.setItem(KEY, JSON.stringify(request));
    this.asking = this.startButton.disabled = true;
    this.#say("Opening the source and warming the model …");
    try {
      const run = await api.startRun(request);
      this.#say("");
      this.started(run.id);
    } catch (problem) {
      this.#say(problem.message, "error");
    } finally {
      this.asking = false;
      this.startButton.disabled = store.isBusy(store.get("status"));
    }
  }

  async #stop() {
    this.stopButton.disabled = true;
    try {
      await api.stopRun(this.run);
      this.#say("");
    } catch (problem) {
      this.#say(problem.message, "error");
    }
  }
}
