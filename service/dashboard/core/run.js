// A run that is looked at: its document, the contract of its model, asked for once, and its columns.

import * as api from "./api.js";

const known = new Map();
const MOST_KNOWN = 20;

/**
 * Return what a view needs of a run and of who answered for it: the result set that is looked at, if no other is asked for.
 *
 * Columns grow: there are none before the first cell.
 */
export async function openRun(id, results = api.setOf(id) ?? "live") {
  const [run, contract, columns] = await Promise.all([api.getRun(id), contractOf(id, results), api.getColumns(id, { results })]);
  return { id, results, run, contract, columns, sampleRate: run.instrument.digitizer.sample_rate_hz, pixel_um: run.instrument.grid.pixel_um };
}

async function contractOf(id, results) {
  const key = `${id} ${results}`;
  if (!known.has(key)) {
    known.set(key, await api.getBundle(id, { results }));
    if (known.size > MOST_KNOWN) known.delete(known.keys().next().value);
  }
  return known.get(key);
}

/** Columns of numbers: what a plot can take. */
export const numbersOf = (columns) => Object.keys(columns).filter((name) => columns[name] === "number");

/** Whether a run goes on. */
export const goesOn = (run) => ["arming", "armed", "acquiring", "draining"].includes(run.state);
