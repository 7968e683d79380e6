// The head of the page and the facts of the run that is looked at.

import { byId, make } from "./dom.js";
import { clockTime, nameAndUnit, words } from "./format.js";

const STATES = { idle: "idle", arming: "arming", armed: "armed", acquiring: "acquiring", draining: "draining", done: "done", failed: "failed" };

const ORIGINS = {
  simulated: "The samples come from the simulator, not from an instrument",
  "semi-real": "Images of real cells, seen through a simulated instrument",
};

export function showState(state) {
  const pill = byId("state");
  pill.dataset.state = state;
  pill.textContent = STATES[state] ?? words(state);
}

export function showRuns(runs, chosen, choose) {
  const list = byId("runs");
  const known = [...list.options].map((option) => `${option.value} ${option.textContent}`).join("|");
  const label = (run) => `${clockTime(run.started_at)} · ${run.request.source}`;
  const now = runs.map((run) => `${run.id} ${label(run)}`).join("|");
  if (known !== now) {
    list.replaceChildren(...runs.map((run) => make("option", { value: run.id }, label(run))));
    list.disabled = runs.length === 0;
  }
  if (chosen && list.value !== chosen) list.value = chosen;
  list.onchange = () => choose(list.value);
}

function fact(list, name, value, kind = "") {
  if (value) list.append(make("div", {}, make("dt", {}, name), make("dd", { class: kind }, value)));
}

function truthLine(truth) {
  if (!truth) return "";
  const amount = (value) =>
    typeof value === "object" && value !== null ? Object.values(value).reduce((sum, part) => sum + part, 0) : value;
  return Object.entries(truth).map(([name, value]) => `${amount(value)} ${nameAndUnit(name).name}`).join(", ");
}

// What was measured needs no badge.
function showOrigin(origin) {
  const badge = byId("origin");
  badge.hidden = origin === "measured";
  badge.textContent = origin.toUpperCase();
  badge.title = ORIGINS[origin] ?? "";
}

export function showAbout(run) {
  showOrigin(run?.origin ?? "measured");
  const list = byId("about");
  list.replaceChildren();
  if (!run) {
    fact(list, "state", "No run yet. Choose a source and press Start.");
    return;
  }
  const reason = run.finish_reason ? ` (${words(run.finish_reason)})` : "";
  fact(list, "state", `${run.state}${reason}`, run.state === "failed" ? "alarm" : "");
  fact(list, "error", run.error, "alarm");
  fact(list, "source", run.source);
  fact(list, "instrument", run.instrument.name);
  fact(list, "runs on", run.provider.replace("ExecutionProvider", ""));
  fact(list, "bundle", `${run.bundle} · ${run.bundle_digest.slice(0, 12)}`);
  fact(list, "pipeline", run.pipeline_id);
  fact(list, "true cells", truthLine(run.truth));
  fact(list, "started", clockTime(run.started_at));
}
