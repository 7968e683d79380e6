// The facts of a run: what it is of, what it ran on, and how it ended.

import { make } from "../core/dom.js";
import { clockTime, count, nameAndUnit, words } from "../core/format.js";

function truthLine(truth) {
  if (!truth) return "";
  const amount = (value) =>
    typeof value === "object" && value !== null ? Object.values(value).reduce((sum, part) => sum + part, 0) : value;
  return Object.entries(truth).map(([name, value]) => `${amount(value)} ${nameAndUnit(name).name}`).join(", ");
}

function limits({ cells, seconds, stop }) {
  return [stop && `after ${count(stop.cells)} cells in ${stop.gate}`, cells && `after ${count(cells)} cells`, seconds && `after ${count(seconds)} s`].filter(Boolean).join(", or ");
}

/** Make the list of facts; without a run it says what to do. */
export function aboutRun(run) {
  const list = make("dl", { id: "about", class: "about" });
  const fact = (name, value, kind = "") => value && list.append(make("div", {}, make("dt", {}, name), make("dd", { class: kind }, value)));
  if (!run) {
    fact("state", "No run yet. Choose a source and press Start.");
    return list;
  }
  const reason = run.finish_reason ? ` (${words(run.finish_reason)})` : "";
  fact("state", `${run.state}${reason}`, run.state === "failed" ? "alarm" : "");
  fact("error", run.error, "alarm");
  fact("name", run.request.name);
  fact("source", run.source);
  fact("stops", limits(run.request));
  fact("instrument", run.instrument.name);
  fact("runs on", run.provider.replace("ExecutionProvider", ""));
  fact("bundle", `${run.bundle} · ${run.bundle_digest.slice(0, 12)}`);
  fact("pipeline", run.pipeline_id);
  fact("true cells", truthLine(run.truth));
  fact("started", clockTime(run.started_at));
  return list;
}
