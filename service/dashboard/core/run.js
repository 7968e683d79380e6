// A run that is looked at: its document, the contract of its model and its columns, asked for once.

import * as api from "./api.js";

const known = new Map();
const MOST_KNOWN = 20;

/**
 * Return what a view needs of a run and of who answered for it: the result set that is looked at, if no other is asked for.
 *
 * Columns are there from the first cell on: they are asked for until there are some.
 */
export async function openRun(id, results = api.setOf(id) ?? "live") {
  const [run, contract, columns] = await Promise.all([api.getRun(id), contractOf(id, results), columnsOf(id, results)]);
  return { id, results, run, contract, columns, sampleRate: run.instrument.digitizer.sample_rate_hz, pixel_um: run.instrument.grid.pixel_um };
}

const once = (what, ask, enough) => async (id, results) => {
  const key = `${what} ${id} ${results}`;
  if (!known.has(key)) {
    const answer = await ask(id, { results });
    if (!enough(answer)) return answer;
    known.set(key, answer);
    if (known.size > MOST_KNOWN) known.delete(known.keys().next().value);
  }
  return known.get(key);
};

const contractOf = once("contract", api.getBundle, () => true);
const columnsOf = once("columns", api.getColumns, (columns) => Object.keys(columns).length > 0);

/** Names that a filter or plot can take, numbers first as they are measured. */
export const numbersOf = (columns) => Object.keys(columns).filter((name) => columns[name] === "number");

/** Whether a run goes on. */
export const goesOn = (run) => ["arming", "armed", "acquiring", "draining"].includes(run.state);
