// Work that the service has done by a process of its own: how far it is, and what ends it.

import * as api from "../core/api.js";
import { make, tried } from "../core/dom.js";
import { count } from "../core/format.js";

const AGAIN_MS = 700;

export class TaskLine {
  /** `over` gets a task that ended. */
  constructor(kind, over) {
    Object.assign(this, { kind, over });
    this.bar = make("progress", { max: "1", "aria-label": "Progress of the task" });
    this.cancel = make("button", { type: "button", onclick: () => tried(this.said, () => api.cancelTask(this.task.id)) }, "Cancel");
    this.working = make("span", { class: "task-working", hidden: true }, this.bar, this.cancel);
    this.said = make("span", { class: "note", role: "status" });
    this.element = make("span", { class: "task-line" }, this.working, this.said);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }

  /** Show what is being made of this run, if anything is; `begun` is that in any case. */
  async show(run, begun = null) {
    clearTimeout(this.timer);
    const same = run === this.run;
    Object.assign(this, { run, task: begun ?? (same ? this.task : null) });
    if (!same && !begun) this.#draw(null);
    await this.#look();
  }

  async #look() {
    const { run } = this;
    try {
      const { tasks } = await api.getTasks();
      if (this.closed || run !== this.run) return;
      const known = this.task?.id;
      const task = tasks.find(({ id, state }) => (known ? id === known : state === "running") && tasks.length) ?? null;
      this.#take(task && task.run === run && task.kind === this.kind ? task : null);
    } catch (problem) {
      this.said.textContent = problem.message;
      this.#again();
    }
  }

  #take(task) {
    const ended = this.task && task && task.state !== "running";
    this.#draw(task);
    this.task = task?.state === "running" ? task : null;
    if (this.task) this.#again();
    else if (ended) this.over(task);
  }

  #again() {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = setTimeout(() => this.#look(), AGAIN_MS);
  }

  #draw(task) {
    this.working.hidden = task?.state !== "running";
    if (!task) this.said.textContent = "";
    else if (task.state === "done") this.said.textContent = `'${task.results}' is there.`;
    else if (task.state === "running" && !task.total) {
      this.bar.removeAttribute("value");
      this.said.textContent = "Being prepared …";
    } else if (task.state === "running") {
      this.bar.value = task.done / task.total;
      this.said.textContent = `${count(task.done)} of ${count(task.total)} ${task.unit}`;
    } else this.said.textContent = task.error ?? `Cancelled after ${count(task.done)} of ${count(task.total)} ${task.unit}; what is done is kept.`;
  }
}
