// What became of every event, as the sum that it is: detected = stored + rejected + dropped + in flight.

import { byId, make } from "./dom.js";
import { count, words } from "./format.js";

const total = (parts) => Object.values(parts).reduce((sum, value) => sum + value, 0);

function row(list, sign, name, value, kind = "") {
  list.append(
    make("span", { class: "sign", "aria-hidden": "true" }, sign),
    make("dt", { class: kind }, name),
    make("dd", { class: kind, "data-name": name }, count(value)),
  );
}

function parts(list, values, kind, detected) {
  for (const [reason, value] of Object.entries(values)) {
    if (value > 0) row(list, "", `${words(reason)} (${((100 * value) / detected).toFixed(1)}\u00a0%)`, value, kind);
  }
}

export function showLedger(ledger) {
  const list = byId("ledger");
  list.replaceChildren();
  const rejected = total(ledger.rejected);
  const dropped = total(ledger.dropped);
  row(list, "", "detected", ledger.detected, "total");
  row(list, "=", "stored", ledger.stored);
  row(list, "+", "rejected", rejected);
  parts(list, ledger.rejected, "part", ledger.detected);
  row(list, "+", "dropped", dropped, dropped > 0 ? "alarm" : "");
  parts(list, ledger.dropped, "part alarm", ledger.detected);
  row(list, "+", "in flight", ledger.in_flight);
  list.append(make("span", { class: "rule", role: "presentation" }));
  row(list, "", "samples", ledger.samples);
  row(list, "", "samples lost", ledger.samples_lost, ledger.samples_lost > 0 ? "alarm" : "");
  if (ledger.losses_of_unknown_size > 0) {
    row(list, "", "losses of unknown size", ledger.losses_of_unknown_size, "alarm");
  }
  if (ledger.samples_repeated > 0) {
    row(list, "", "samples given twice", ledger.samples_repeated, "alarm");
  }
  if (ledger.overruns > 0) {
    row(list, "", "overruns", ledger.overruns, "alarm");
  }
  if (ledger.unrecorded > 0) {
    row(list, "", "samples not recorded", ledger.unrecorded, "alarm");
  }
}
