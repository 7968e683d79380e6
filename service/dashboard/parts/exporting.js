// Takes a run home in the format of another program, and says how far that is.

import * as api from "../core/api.js";
import { choice, field, make, setChoices } from "../core/dom.js";
import { count } from "../core/format.js";

const FORMATS = [["fcs", "FCS 3.1"], ["csv", "CSV"], ["parquet", "Parquet"], ["anndata", "AnnData (.h5ad)"], ["rtdc", "RT-DC (.rtdc)"],
  ["ome-tiff", "OME-TIFF"], ["hdf5", "images (.h5)"], ["sigmf", "raw samples (SigMF)"]];
const AGAIN_MS = 500;
const bytes = (value) => (value < 1e6 ? `${(value / 1e3).toFixed(0)} kB` : `${(value / 1e6).toFixed(1)} MB`);

export class Exporting {
  constructor() {
    this.format = choice(FORMATS, "fcs", () => {});
    this.gate = choice([["", "all cells"]], "", () => {});
    this.where = make("input", { placeholder: "filter, e.g. novelty < 8", size: "24", spellcheck: "false", "aria-label": "Filter of the export" });
    this.begin = make("button", { type: "submit", class: "primary" }, "Export");
    this.stop = make("button", { type: "button", hidden: true, onclick: () => this.cancel?.abort() }, "Cancel");
    this.bar = make("progress", { hidden: true, max: "1", "aria-label": "Progress of the export" });
    this.said = make("span", { class: "note", role: "status" });
    this.element = make("form", { class: "exporting", autocomplete: "off" }, field("As", this.format), field("Cells", this.gate), this.where,
      this.begin, this.stop, this.bar, this.said);
    this.element.addEventListener("submit", (event) => { event.preventDefault(); this.#export(); });
  }

  close() {
    this.cancel?.abort();
  }

  /** Export this run from now on. */
  async show(run) {
    if (run === this.run) return;
    this.run = run;
    try {
      const { gates } = await api.getGates(run, {});
      if (run === this.run) setChoices(this.gate, [["", "all cells"], ...gates.filter(({ gate }) => gate).map(({ name }) => [name, name])], "");
    } catch (problem) {
      this.said.textContent = problem.message;
    }
  }

  async #export() {
    const where = [this.gate.value && `gate = '${this.gate.value}'`, this.where.value.trim() && `(${this.where.value.trim()})`].filter(Boolean).join(" and ");
    this.cancel = new AbortController();
    this.#busy(true);
    try {
      const path = api.exportPath(this.run, { format: this.format.value, where });
      const telling = this.#tell();
      const response = await api.request(path, { signal: this.cancel.signal, cache: "no-store" });
      const content = await this.#take(response).finally(() => clearInterval(telling));
      this.#save(content, /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "export");
    } catch (problem) {
      this.said.textContent = problem.name === "AbortError" ? "Cancelled." : problem.message;
    } finally {
      this.#busy(false);
    }
  }

  #busy(yes) {
    this.begin.disabled = yes;
    this.stop.hidden = this.bar.hidden = !yes;
    if (yes) {
      this.bar.removeAttribute("value");
      this.said.textContent = "Being made …";
    } else clearInterval(this.timer);
  }

  /** Formats that have to be whole first are told of by the service until they begin to come. */
  #tell() {
    this.timer = setInterval(async () => {
      const { exports } = await api.follow("/api/v1/exports").catch(() => ({ exports: [] }));
      const own = exports.find((one) => one.run === this.run && one.format === this.format.value);
      if (own?.total && !this.bar.hidden) {
        this.bar.value = own.done / own.total;
        this.said.textContent = `${count(own.done)} of ${count(own.total)} ${own.unit}`;
      }
    }, AGAIN_MS);
    return this.timer;
  }

  /** Take the content, counting; the browser keeps large ones on disk. */
  #take(response) {
    const total = Number(response.headers.get("Content-Length")) || 0;
    let taken = 0;
    const counted = new TransformStream({
      transform: (piece, next) => {
        taken += piece.byteLength;
        if (total) this.bar.value = taken / total;
        this.said.textContent = total ? `${bytes(taken)} of ${bytes(total)}` : bytes(taken);
        next.enqueue(piece);
      },
    });
    return new Response(response.body.pipeThrough(counted)).blob();
  }

  #save(content, name) {
    const link = make("a", { href: URL.createObjectURL(content), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    this.said.textContent = `${name}, ${bytes(content.size)}`;
  }
}
