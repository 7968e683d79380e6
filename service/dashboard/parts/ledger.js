// What became of every event, as the sum that it is: detected = stored + rejected + dropped + in flight.

import { make } from "../core/dom.js";
import { count, words } from "../core/format.js";

const EMPTY = { detected: 0, stored: 0, rejected: {}, dropped: {}, in_flight: 0, samples: 0, samples_lost: 0 };
/** Losses that are shown only where there are some. */
const LOSSES = [
  ["losses_of_unknown_size", "losses of unknown size"], ["samples_repeated", "samples given twice"],
  ["overruns", "overruns"], ["unrecorded", "samples not recorded"],
];

const total = (parts) => Object.values(parts).reduce((sum, value) => sum + value, 0);

function row(list, sign, name, value, kind = "") {
  list.append(
    make("dt", { class: kind }, make("span", { class: "sign", "aria-hidden": "true" }, sign), name),
    make("dd", { class: kind, "data-name": name }, count(value)),
  );
}

function parts(list, values, kind, detected) {
  for (const [reason, value] of Object.entries(values)) {
    if (value > 0) row(list, "", `${words(reason)} (${((100 * value) / detected).toFixed(1)}\u00a0%)`, value, kind);
  }
}

export class LedgerList {
  constructor() {
    this.element = make("dl", { id: "ledger", class: "ledger" });
    this.show(EMPTY);
  }

  show(ledger) {
    const list = this.element;
    const sign = JSON.stringify(ledger);
    if (this.shown === sign) return;
    this.shown = sign;
    list.replaceChildren();
    const [rejected, dropped] = [total(ledger.rejected), total(ledger.dropped)];
    row(list, "", "detected", ledger.detected, "total");
    row(list, "=", "stored", ledger.stored);
    row(list, "+", "rejected", rejected);
    parts(list, ledger.rejected, "part", ledger.detected);
    row(list, "+", "dropped", dropped, dropped > 0 ? "alarm" : "");
    parts(list, ledger.dropped, "part alarm", ledger.detected);
    row(list, "+", "in flight", ledger.in_flight);
    row(list, "", "samples", ledger.samples, "rule");
    row(list, "", "samples lost", ledger.samples_lost, ledger.samples_lost > 0 ? "alarm" : "");
    for (const [name, text] of LOSSES) {
      if (ledger[name] > 0) row(list, "", text, ledger[name], "alarm");
    }
  }
}
