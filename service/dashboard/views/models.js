// What a model promises, how well it did where it was measured, and how it does on a run.

import * as api from "../core/api.js";
import { make, panel } from "../core/dom.js";
import { count, words } from "../core/format.js";
import { linkTo, note } from "../core/router.js";
import { openRun } from "../core/run.js";
import * as store from "../core/store.js";
import { ClassGallery } from "../parts/class_gallery.js";
import { crosstab } from "../parts/crosstab.js";
import { Drift } from "../parts/drift.js";
import { promises } from "../parts/promises.js";
import { comparison, scores } from "../parts/scores.js";

const WHOLE_S = 1e7;

export const title = "Models";

export function open(root, place) {
  const view = new ModelsView(root);
  view.move(place);
  return view;
}

class ModelsView {
  constructor(root) {
    this.root = root;
    root.classList.add("models");
    root.append(make("p", { class: "empty" }, "Opening the model …"));
  }

  close() {
    this.asked = null;
    this.drift?.close();
  }

  async move({ args, query }) {
    const id = args[0] ?? store.newestRun();
    this.query = { axis: "0", ...query };
    this.asked = id;
    try {
      const { bundles } = await api.getBundles();
      const run = id ? await openRun(id) : null;
      if (this.asked !== id) return;
      this.drift?.close();
      this.drift = null;
      this.root.replaceChildren(make("div", { class: "column" }, panel("Models", {}, list(bundles, run)), run ? panel("What it is", {}, facts(run.contract)) : null),
        ...(run ? this.#about(run, bundles) : [make("p", { class: "empty" }, "A model is shown with a run that it answered for: start one in the live view.")]));
    } catch (problem) {
      if (this.asked === id) this.root.replaceChildren(make("p", { class: "empty error", role: "alert" }, problem.message));
    }
  }

  #note(id, news) {
    this.query = { ...this.query, ...news };
    note(linkTo("models", [id], this.query));
  }

  #about(run, bundles) {
    const { contract } = run;
    const agreement = make("div", {}, make("p", { class: "note" }, "Counting …"));
    tables(run).then((found) => agreement.replaceChildren(...found), (problem) => agreement.replaceChildren(make("p", { class: "error" }, problem.message)));
    if (contract.drift) this.drift = new Drift(run, this.query.axis, (axis) => this.#note(run.id, { axis }));
    const others = bundles.filter((one) => one.instrument_kind === contract.instrument_kind);
    return [
      make("div", { class: "column" }, panel("How well it does", { beside: make("span", { class: "note" }, `${contract.name} · ${contract.digest.slice(0, 6)}`) }, scores(contract)),
        others.length > 1 ? panel("Models for this instrument", {}, comparison(others, contract.digest)) : null,
        panel("What it promises", {}, promises(contract))),
      make("div", { class: "column" }, panel("Its cells in this run", {}, new ClassGallery(run, this.query.cells, (cells) => this.#note(run.id, { cells })).element), panel("Agreement in this run", {}, agreement),
        panel("Embedding beside the model's own cells", {}, this.drift?.element ?? make("p", { class: "note" }, "This model does not say what ordinary cells look like; models trained anew do."))),
    ];
  }
}

function list(bundles, run) {
  const row = (one) => {
    const name = one.runs.length ? make("a", { href: linkTo("models", [one.runs.at(-1)]) }, one.name) : one.name;
    return make("tr", { "data-chosen": String(one.digest === run?.contract.digest), title: one.shipped ? "comes with Lightline" : "used by a run" },
      make("th", { scope: "row" }, name), make("td", {}, words(one.instrument_kind)), make("td", { class: "number" }, count(one.runs.length)));
  };
  const head = ["model", "instrument", "runs"].map((text) => make("th", { scope: "col" }, text));
  return make("table", { class: "table" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...bundles.map(row)));
}

function facts(contract) {
  const { training } = contract;
  const inputs = contract.inputs.map(({ channel, shape, pixel_um: um }) => `${words(channel)} ${shape.join(" × ")}${um ? ` at ${um} µm` : ""}`);
  const entries = {
    kind: contract.model, digest: make("span", { title: contract.digest }, contract.digest.slice(0, 12)), takes: inputs.join(", "), "given as": contract.preprocessing, embedding: `${contract.embedding_size} axes`,
    clusters: contract.clusters.join(", "), classes: contract.classes.join(", ") || "none: trained without labels",
    "learnt from": `${count(training.cells)} ${training.origin} cells of ${training.sources.length} sources, held out by ${training.held_out_by}`,
    saliency: contract.saliency.map(({ channel, method, layer }) => `${method.replaceAll("_", "-")} over ${words(channel)}, ${layer}`).join("; "),
    "made by": make("details", {}, make("summary", {}, "a command"), make("code", {}, contract.command)),
  };
  return make("dl", { class: "about facts" }, ...Object.entries(entries).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

/** Clusters against classes, and what people said against what the model says. */
async function tables(run) {
  const { classes, clusters } = run.contract;
  const by = classes.length ? "class" : "cluster";
  const columns = classes.length ? classes : clusters;
  const named = (group) => (by === "class" ? group : clusters[Number(group)] ?? group);
  const counts = async (where) => {
    const { steps } = await api.getTimeline(run.id, { by, seconds: WHOLE_S, where });
    const cells = new Map();
    for (const { group, cells: some } of steps) cells.set(named(group), (cells.get(named(group)) ?? 0) + some);
    return cells;
  };
  const { counts: labels } = await api.getLabels(run.id);
  const found = [];
  if (classes.length) {
    const rows = await Promise.all(clusters.map(async (name, k) => [name, await counts(`cluster = ${k}`)]));
    found.push(make("h3", {}, "Classes of each cluster"), crosstab("cluster", rows, columns));
  }
  found.push(make("h3", {}, `What people say against the model's ${by}`));
  const names = Object.keys(labels);
  if (!names.length) return [...found, make("p", { class: "note" }, "No cell of this run has a label. Label some in Explore to see a confusion table here.")];
  const rows = await Promise.all(names.map(async (name) => [name, await counts(`label = '${name.replaceAll("'", "''")}'`)]));
  return [...found, crosstab("label", rows, columns)];
}
