// The service itself: its settings and what set each, its disk, its workers, its copying, who has the controls.

import * as api from "../core/api.js";
import { make, panel } from "../core/dom.js";
import { amountOfBytes, count, number, words } from "../core/format.js";
import * as store from "../core/store.js";
import { concernsOf, Concerns } from "../parts/concerns.js";

const SET_BY = { default: "default", file: "settings file", environment: "environment", option: "command line" };

const TURNS = new Map([[true, "before other programs"], [false, "with other programs: the system, or a setting, allows no more"]]);

export const title = "Service";

export function open(root) {
  return new ServiceView(root);
}

class ServiceView {
  constructor(root) {
    root.classList.add("service");
    this.concerns = new Concerns();
    this.well = make("p", { class: "note all-well" }, "Nothing needs attention.");
    this.facts = make("dl", { class: "about facts" });
    this.disk = make("div");
    this.workers = make("div");
    this.settings = make("div", {}, make("p", { class: "note" }, "Asking …"));
    root.append(
      make("div", { class: "column" }, panel("Now", {}, this.concerns.element, this.well, this.facts), panel("Disk", {}, this.disk), panel("Workers", {}, this.workers)),
      make("div", { class: "column" }, panel("Settings", { name: "grows" }, this.settings)));
    this.end = store.watch("status", (status) => this.#show(status));
    this.#settings();
  }

  move() {}

  close() {
    this.end();
  }

  #show(status) {
    const { operator, sink } = status;
    this.concerns.show(status);
    this.well.hidden = concernsOf(status).length > 0;
    const copied = sink && `${sink.connected ? "connected" : "not connected"}, ${count(sink.copied_rows)} rows copied, ${count(sink.behind_rows)} behind`;
    list(this.facts, {
      state: words(status.state), "has run for": duration(status.uptime_s), model: status.bundle && `${status.bundle} · ${status.bundle_digest.slice(0, 12)}`,
      "runs on": status.provider.replace("ExecutionProvider", ""), controls: operator ? `${operator.name} (token ${operator.token}), free again in ${Math.ceil(operator.left_s / 60)} min without use` : "free for everybody whose token may control",
      turns: TURNS.get(status.came_first), "workers join": status.address, "copies to": sink?.address, copying: copied,
    });
    this.#disk(status.disk);
    this.#workers(status.workers);
  }

  #disk(disk) {
    if (!disk) return this.disk.replaceChildren(make("p", { class: "note" }, "Not looked at yet."));
    const rows = make("dl", { class: "about facts" });
    list(rows, {
      free: amountOfBytes(disk.free_bytes), "being written": `${amountOfBytes(disk.written_bytes_per_s)} a second`,
      "warned below": amountOfBytes(disk.warn_below_bytes), "no run below": amountOfBytes(disk.refuse_below_bytes),
    });
    this.disk.replaceChildren(rows);
  }

  #workers(workers) {
    if (!workers.length) return this.workers.replaceChildren(make("p", { class: "note" }, "Workers join when a run is armed."));
    const row = ({ name, provider, outstanding, answered, silent_s: silent }) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, provider.replace("ExecutionProvider", "") || "warming"),
      make("td", { class: "number" }, count(answered)), make("td", { class: "number" }, count(outstanding)), make("td", { class: "number" }, `${number(Math.round(10 * silent) / 10)} s`));
    const heads = [["worker", ""], ["runs on", ""], ["answered", "amount"], ["holds", "amount"], ["last heard", "amount"]];
    this.workers.replaceChildren(table(heads, workers.map(row)));
  }

  async #settings() {
    try {
      const settings = await api.getSettings();
      const row = ({ name, value, set_by: by }) => make("tr", { "data-set": by }, make("th", { scope: "row" }, make("code", {}, name)), make("td", { class: "value" }, shown(name, value)), make("td", { class: by === "default" ? "muted" : "" }, SET_BY[by] ?? words(by)));
      this.settings.replaceChildren(make("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Settings" }, table([["setting", ""], ["value", ""], ["set by", ""]], settings.map(row))),
        make("p", { class: "note" }, "Settings are changed in lightline.toml, the environment or the command line, and hold from the next start on."));
    } catch (problem) {
      this.settings.replaceChildren(make("p", { class: "error", role: "alert" }, problem.message));
    }
  }
}

function shown(name, value) {
  if (value === null || value === "") return "–";
  if (/^disk_(warn|refuse)$|_bytes$/.test(name)) return `${amountOfBytes(value)} (${value} bytes)`;
  if (typeof value === "boolean") return value ? "yes" : "no";
  return Array.isArray(value) ? value.join(", ") || "–" : String(value);
}

const table = (heads, rows) => make("table", { class: "table" }, make("thead", {}, make("tr", {}, ...heads.map(([text, kind]) => make("th", { scope: "col", class: kind }, text)))), make("tbody", {}, ...rows));

function list(element, entries) {
  const sign = JSON.stringify(entries);
  if (element.dataset.sign === sign) return;
  element.dataset.sign = sign;
  element.replaceChildren(...Object.entries(entries).filter(([, value]) => value).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.floor(seconds / 86_400)} days`;
}
