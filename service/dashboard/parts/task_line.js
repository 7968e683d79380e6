// Work that the service has done by a process of its own: how far it is, and what ends it.

import * as api from "../core/api.js";
import { make, tried } from "../core/dom.js";
import { count } from "../core/format.js";

const AGAIN_MS = 700;

export class TaskLine {
  /** `over` is told of a task that was shown and is done. */
  constructor(over) {
    this.over = over;
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

  /** Follow the task that was `begun`; without one, that which is running and has these properties, if there is any. */
  async show(properties, begun = null) {
    clearTimeout(this.timer);
    this.wanted = properties;
    this.#draw(begun);
    await this.#look();
  }

  async #look() {
    const { wanted } = this;
    const fits = (task) => Object.entries(wanted).every(([name, value]) => task[name] === value);
    try {
      const { tasks } = await api.getTasks();
      if (this.closed || wanted !== this.wanted) return;
      const task = tasks.find(this.task ? ({ id }) => id === this.task.id : (one) => one.state === "running" && fits(one)) ?? null;
      this.#draw(task);
      if (task?.state === "running") this.timer = setTimeout(() => this.#look(), AGAIN_MS);
      else if (task?.state === "done") this.over();
    } catch (problem) {
      this.said.textContent = problem.message;
    }
  }

  #draw(task) {
    this.task = task;
    this.working.hidden = task?.state !== "running";
    if (!task) this.said.textContent = "";
    else if (task.state === "done") this.said.textContent = "Done.";
    else if (task.state === "running" && !task.total) {
      this.bar.removeAttribute("value");
      this.said.textContent = "Being prepared …";
    } else if (task.state === "running") {
      this.bar.value = task.done / task.total;
      this.said.textContent = `${count(task.done)} of ${count(task.total)} ${task.unit}`;
    } else this.said.textContent = task.error ?? `Cancelled after ${count(task.done)} of ${count(task.total)} ${task.unit}; what is done is kept.`;
  }
}
