// Several runs one after the other: put into a list, begun together, and how far they are.

import * as api from "../core/api.js";
import { field, make, tried } from "../core/dom.js";
import { count } from "../core/format.js";

const KEY = "lightline-queue";
const ENDED = ["done", "failed", "stopped", "cancelled"];

/** What a run of a sequence is, in a line. */
export function inShort({ name, source, cells, seconds, stop, hold }) {
  const ends = [cells && `${count(cells)} cells`, seconds && `${count(seconds)} s`, stop && `${count(stop.cells)} in ${stop.gate}`].filter(Boolean).join(" or ");
  return [name || source, ends || "until stopped", hold && "waits for Start"].filter(Boolean).join(" · ");
}

/** How far a sequence is, in a sentence. */
export function inWords({ name, state, steps, runs, next, error }) {
  const called = name ? `Sequence ${name}: ` : "Sequence: ";
  const at = `run ${count(runs.length)} of ${count(steps)}`;
  if (state === "running") return `${called}${at}${next ? `, then ${next}` : ", the last"}`;
  if (state === "pausing") return `${called}pause after ${at}, then ${next}`;
  return `${called}${state} after ${at}${error ? `: ${error}` : ""}`;
}

export class Sequence {
  /** `request` gives the run that is filled in, or null where something is missing; `began` is told when runs begin. */
  constructor(request, began) {
    Object.assign(this, { request, began });
    this.queue = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    this.list = make("ol", { class: "queue", "aria-label": "Runs to make, in their order" });
    this.name = make("input", { maxlength: "128", placeholder: "none" });
    this.repeat = make("input", { type: "number", min: "1", max: "1000", value: "1" });
    this.pause = make("input", { type: "number", min: "0", max: "604800", step: "any", value: "0" });
    this.hold = make("input", { type: "checkbox" });
    this.begin = make("button", { type: "button", onclick: () => this.#begin() }, "Start sequence");
    this.said = make("p", { class: "said error", role: "status" });
    const add = make("button", { type: "button", onclick: () => this.#add() }, "Add this run");
    this.element = make("details", {}, make("summary", {}, "Several runs in sequence"), make("div", { class: "run-control" },
      this.list, make("label", { class: "tick" }, this.hold, "wait for Start before this run, to change the tube"),
      field("Name of the sequence", this.name), make("div", { class: "two" }, field("Repeat", this.repeat), field("Pause (s)", this.pause)),
      make("div", { class: "buttons" }, add, this.begin), this.said));
    this.now = make("span");
    this.cancel = make("button", { type: "button", onclick: () => tried(this.said, () => api.cancelSequence(this.id)) }, "Begin no other");
    this.progress = make("p", { class: "progress-line", role: "status", hidden: true }, this.now, this.cancel);
    this.#show();
  }

  show({ sequence }) {
    this.id = sequence?.id;
    const over = !sequence || ENDED.includes(sequence.state);
    // What ended well is not worth a line.
    this.progress.hidden = !sequence || sequence.state === "done";
    this.cancel.hidden = over;
    this.begin.disabled = !over || !this.queue.length;
    this.over = over;
    if (sequence && this.now.textContent !== inWords(sequence)) this.now.textContent = inWords(sequence);
  }

  #show() {
    localStorage.setItem(KEY, JSON.stringify(this.queue));
    const remove = (index) => make("button", { type: "button", class: "icon-button", "aria-label": `Take run ${index + 1} out`, onclick: () => { this.queue.splice(index, 1); this.#show(); } }, "×");
    this.list.replaceChildren(...(this.queue.length ? this.queue.map((run, index) => make("li", {}, make("span", {}, inShort(run)), remove(index)))
      : [make("li", { class: "note" }, "Fill in a run above, give it an end, and add it.")]));
    this.begin.disabled = this.over === false || !this.queue.length;
  }

  #add() {
    const run = this.request();
    if (!run) return;
    // Only a run that ends by itself lets another one follow.
    if (!run.cells && !run.seconds && !run.stop) { this.said.textContent = "Say when this run has enough, so that the next one can begin."; return; }
    this.said.textContent = "";
    this.queue.push({ ...run, hold: this.hold.checked });
    this.#show();
  }

  async #begin() {
    await tried(this.said, async () => {
      await api.startSequence({ name: this.name.value.trim(), runs: this.queue, repeat: Number(this.repeat.value), pause_s: Number(this.pause.value) });
      this.queue = [];
      this.#show();
      this.began();
    });
  }
}
