// What an operator should know now: the disk, the copying, workers, sorting, drift; each in one sentence.

import { make } from "../core/dom.js";
import { amountOfBytes, count, number } from "../core/format.js";

const SILENT_S = 5;
const BEHIND_ROWS = 100_000;
const DRIFT_CELLS = 500;

const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

function ofDisk({ disk }) {
  if (!disk) return [];
  const { free_bytes: free, refuse_below_bytes: refuse, written_bytes_per_s: rate } = disk;
  const left = `${amountOfBytes(free)} of the disk are free`;
  if (free < refuse) return [`${left}: no run begins below ${amountOfBytes(refuse)}. Remove runs, or move them away.`];
  if (!disk.warning) return [];
  const full = rate > 0 ? `, which last for ${plural(Math.max(1, Math.round((free - refuse) / rate / 60)), "minute")} at this rate` : "";
  return [`${left}${full}.`];
}

function ofSink({ sink }) {
  if (!sink) return [];
  if (!sink.connected && sink.error) return [`Rows are not copied to ${sink.address}: ${sink.error} ${plural(sink.behind_rows, "row")} behind; nothing is lost.`];
  if (sink.behind_rows > BEHIND_ROWS) return [`The copy at ${sink.address} is ${plural(sink.behind_rows, "row")} behind.`];
  return [];
}

function ofWorkers(status) {
  const said = [];
  const silent = status.workers.filter((worker) => worker.outstanding && worker.silent_s > SILENT_S);
  if (silent.length) said.push(`${plural(silent.length, "worker")} silent for ${number(Math.round(Math.max(...silent.map((worker) => worker.silent_s))))} s; what they hold is given to others.`);
  if (status.workers_replaced) said.push(`${plural(status.workers_replaced, "worker process", "worker processes")} died and ${status.workers_replaced === 1 ? "was" : "were"} replaced.`);
  if (status.workers_refused) said.push(`${plural(status.workers_refused, "connection")} of workers without a known key refused.`);
  return said;
}

function ofRun(status) {
  const said = [];
  const { drift, refit, sort, sequence } = status;
  if (drift?.alarm) said.push(`The last ${DRIFT_CELLS} cells differ from the model's own on embedding axis ${drift.axis}: the instrument drifted, or the sample holds other shares of cells.`);
  if (refit?.reason) said.push(`Clusters were not fitted again: ${refit.reason}`);
  if (sort?.missed) said.push(`Slow subscribers missed ${plural(sort.missed, "sort decision")}.`);
  if (sequence?.state === "failed") said.push(`The sequence${sequence.name ? ` ${sequence.name}` : ""} ended early: ${sequence.error}`);
  return said;
}

/** Sentences about a status of the service; none where all is well. */
export const concernsOf = (status) => [...(status.error ? [status.error] : []), ...ofDisk(status), ...ofSink(status), ...ofWorkers(status), ...ofRun(status)];

export class Concerns {
  constructor() {
    this.element = make("ul", { class: "concerns", "aria-live": "polite", "aria-label": "What needs attention" });
    this.element.hidden = true;
  }

  show(status) {
    const said = concernsOf(status);
    const sign = JSON.stringify(said);
    if (sign === this.sign) return;
    this.sign = sign;
    this.element.hidden = said.length === 0;
    this.element.replaceChildren(...said.map((text) => make("li", {}, text)));
  }
}
