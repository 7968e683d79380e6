// The gates of a run as the service keeps them, and the changes made here, which can be undone.

import * as api from "../core/api.js";

export class GateBook {
  constructor(run) {
    Object.assign(this, { run, gates: [], total: 0, done: [], undone: [] });
  }

  /** Ask for all gates, with the cells in each that a filter lets through. */
  async load(where) {
    const [{ gates }, { total }] = await Promise.all([api.getGates(this.run, { counts: true, where }), api.getCells(this.run, { where, limit: 1, fields: "event_id" })]);
    this.gates = gates.filter(({ gate }) => gate);
    this.total = total;
  }

  find(name) {
    return this.gates.find((gate) => gate.name === name);
  }

  /** Gates that lie in another one, or in none. */
  inside(parent) {
    return this.gates.filter(({ gate }) => (gate.parent ?? null) === parent);
  }

  /** A name that no gate has. */
  freeName() {
    let number = this.gates.length + 1;
    while (this.find(`gate ${number}`)) number += 1;
    return `gate ${number}`;
  }

  /** Make or change a gate, null to take it away; what it was before can be had back. */
  async change(name, body) {
    const before = this.#body(name);
    await this.#write(name, body);
    this.done.push({ name, before, after: body });
    this.undone = [];
  }

  async undo() {
    const step = this.done.at(-1);
    if (!step) return;
    await this.#write(step.name, step.before);
    this.undone.push(this.done.pop());
  }

  async redo() {
    const step = this.undone.at(-1);
    if (!step) return;
    await this.#write(step.name, step.after);
    this.done.push(this.undone.pop());
  }

  #body(name) {
    const known = this.find(name);
    if (!known) return null;
    const { parent, region, note } = known.gate;
    return { parent, region, note };
  }

  /** Only what was looked at is changed: a gate that somebody else changed meanwhile is refused. */
  async #write(name, body) {
    const known = this.find(name);
    const match = known ? { "If-Match": `"${known.version}"` } : { "If-None-Match": "*" };
    if (body) {
      const now = await api.putGate(this.run, name, body, match);
      this.gates = [...this.gates.filter((gate) => gate.name !== name), now];
    } else if (known) {
      await api.removeGate(this.run, name, match);
      this.gates = this.gates.filter((gate) => gate.name !== name);
    }
  }
}
