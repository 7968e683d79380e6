// What every view may know: the state of the connection, of the service, and the list of runs.

const values = { link: "connecting", status: null, runs: [], pinned: new Set(), sets: null, problem: null };
const listeners = new Map();

export const get = (name) => values[name];

/** Set some values, and tell those who listen to one that changed. */
export function set(news) {
  for (const [name, value] of Object.entries(news)) {
    if (values[name] === value) continue;
    values[name] = value;
    for (const listener of [...(listeners.get(name) ?? [])]) listener(value);
  }
}

/** Call `listener` now, where there is a value, and at every change; returns what ends that. */
export function watch(name, listener) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(listener);
  if (values[name] !== null) listener(values[name]);
  return () => listeners.get(name).delete(listener);
}

/** Run in progress, otherwise the last one; null before the first. */
export const newestRun = () => values.status?.run_id ?? values.runs[0]?.id ?? null;

export const isBusy = (status) => ["arming", "armed", "acquiring", "draining"].includes(status?.state);
