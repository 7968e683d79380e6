// One cell: what it looks like, what the model says, and what made it say so.

import { follow, getCell } from "./api.js";
import { byId, make } from "./dom.js";
import { nameAndUnit, number, percent } from "./format.js";
import { clusterColour } from "./palette.js";
import { picture } from "./picture.js";

const NOT_FEATURES = /^(event_id|rejection|epoch|flags|cluster|cluster_posterior|class|class_probability|conformal|novelty|novel|embedding_\d+)$/;

/** The panel on the right. */
export class CellPanel {
  constructor(step) {
    this.panel = byId("cell");
    this.step = step;
    this.empty = this.panel.firstElementChild;
    this.asked = null;
  }

  clear() {
    this.asked = null;
    this.panel.replaceChildren(this.empty);
  }

  async show(run, id) {
    const asked = `${run}/${id}`;
    this.asked = asked;
    try {
      const cell = await getCell(run, id);
      if (this.asked !== asked) return;
      this.#draw(cell);
      if (cell.row.rejection) return;
      const answers = await follow(cell.answers);
      if (this.asked === asked) this.#answers(cell, answers);
    } catch (problem) {
      if (this.asked !== asked) return;
      this.panel.replaceChildren(make("p", { class: "error", role: "alert" }, problem.message));
    }
  }

  #draw(cell) {
    const { row } = cell;
    this.panel.replaceChildren(
      make("div", { class: "cell-head" },
        make("h2", {}, `Cell ${cell.event_id}`),
        make("button", { type: "button", "aria-label": "Previous cell", onclick: () => this.step(-1) }, "‹"),
        make("button", { type: "button", "aria-label": "Next cell", onclick: () => this.step(1) }, "›")),
      this.#tags(row, null),
      ...(row.rejection ? [] : [make("div", { class: "controls", id: "explain" })]),
      this.#pictures(cell),
      make("div", { id: "answers" }),
      features(row),
      links(cell));
  }

  #tags(row, answers) {
    const swatch = make("span", { class: "swatch" });
    swatch.style.background = clusterColour(row.cluster);
    const cluster = answers?.clusters[row.cluster] ?? `cluster ${row.cluster}`;
    if (row.rejection) {
      return make("div", { class: "tags", id: "tags" }, make("span", { class: "tag novel" }, `rejected: ${row.rejection.replaceAll("_", " ")}`));
    }
    return make("div", { class: "tags", id: "tags" },
      make("span", { class: "tag" }, swatch, cluster),
      row.class ? make("span", { class: "tag" }, row.class) : null,
      row.conformal && row.conformal !== row.class
        ? make("span", { class: "tag", title: "Classes that the cell may be of; a reject is like none of them" }, row.conformal) : null,
      row.novel ? make("span", { class: "tag novel", title: "Unlike the cells the model was trained on" }, "novel") : null);
  }

  #pictures(cell) {
    const figures = [];
    for (const channel of cell.channels.filter((each) => each.kind === "image")) {
      figures.push(figure(channel.png, imageName(channel), channel.pixel_um));
    }
    const [first] = cell.channels;
    if (!cell.row.rejection) {
      figures.splice(1, 0, make("figure", { id: "saliency" },
        picture(cell.saliency.png, `Saliency of cell ${cell.event_id}`, first.pixel_um),
        make("figcaption", { id: "evidence" }, "\u2026")));
    }
    for (const channel of cell.channels.filter((each) => each.kind === "volume")) {
      figures.push(figure(`${channel.png}&projection=x`, `${channel.name.replaceAll("_", " ")}, max. along x`, channel.pixel_um));
      figures.push(figure(`${channel.png}&projection=z`, `${channel.name.replaceAll("_", " ")}, max. along z`, channel.pixel_um));
    }
    return make("div", { class: "pictures" }, ...figures);
  }

  #answers(cell, answers) {
    byId("tags").replaceWith(this.#tags(cell.row, answers));
    byId("explain").replaceChildren(...saliencyControls(cell, answers));
    sayEvidence(cell, "target=-1");
    const { novelty, novelty_threshold: limit } = answers;
    byId("answers").replaceChildren(
      ...(answers.classes.length ? [bars("Class probability", answers.classes, answers.class_probability)] : []),
      bars("Cluster posterior", answers.clusters, answers.cluster_posterior, true),
      make("p", { class: "note" }, "The posterior saturates; it is not a calibrated probability."),
      make("p", { class: "note", id: "novelty" },
        `novelty ${number(novelty)}; above ${number(limit)} a cell is unlike the training data`));
  }
}

/** Name of an image, with its unit where that is not light. */
function imageName({ name, unit }) {
  const words = name.replaceAll("_", " ");
  return unit.startsWith("rad") ? `${words}, ${unit}` : words;
}

function figure(source, name, pixel_um) {
  return make("figure", {}, picture(source, name, pixel_um), make("figcaption", {}, name));
}

function saliencyControls(cell, answers) {
  const target = make("select", {},
    make("option", { value: "target=-1" }, "most likely"),
    ...answers.targets.map((name, index) => make("option", { value: `target=${index}` }, name)),
    ...answers.explained_clusters.map((name, index) => make("option", { value: `cluster=${index}` }, name)));
  const opacity = make("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0.6 });
  const redraw = () => {
    byId("saliency").querySelector("img").src = `${cell.saliency.png}?${target.value}&opacity=${opacity.value}`;
    sayEvidence(cell, target.value);
  };
  target.addEventListener("change", redraw);
  opacity.addEventListener("change", redraw);
  return [make("label", { class: "field" }, "Evidence for", target), make("label", { class: "field" }, "overlay", opacity)];
}

/** Say what the overlay is evidence for, or that there is none. */
async function sayEvidence(cell, asked) {
  const caption = byId("evidence");
  caption.dataset.asked = asked;
  try {
    const found = await follow(`${cell.saliency.about}?${asked}`);
    if (caption.dataset.asked !== asked) return;
    caption.textContent = found.empty
      ? `nothing in the image speaks for ${found.name}`
      : `what speaks for ${found.name} (${found.method.replaceAll("_", "-")})`;
  } catch (problem) {
    caption.textContent = problem.message;
  }
}

function bars(title, names, values, byCluster = false) {
  const rows = names.flatMap((name, index) => {
    const fill = make("div", { class: "fill" });
    fill.style.width = percent(values[index]).replace(" ", "");
    if (byCluster) fill.style.background = clusterColour(index);
    return [make("span", {}, name), make("div", { class: "track" }, fill), make("span", { class: "value" }, percent(values[index]))];
  });
  return make("section", {}, make("h2", {}, title), make("div", { class: "bars" }, ...rows));
}

function features(row) {
  const rows = Object.entries(row).filter(([name]) => !NOT_FEATURES.test(name)).map(([column, value]) => {
    const { name, unit } = nameAndUnit(column);
    return make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, number(value)), make("td", { class: "unit" }, unit));
  });
  return make("section", {}, make("h2", {}, "Measured"), make("table", { class: "features" }, make("tbody", {}, ...rows)));
}

function links(cell) {
  const numbers = cell.channels.map((channel) => make("a", { href: channel.npy, download: true }, `${channel.name}.npy`));
  return make("section", {}, make("h2", {}, "Take away"),
    make("div", { class: "links" }, make("a", { href: cell.window, download: true }, "raw window.npy"), ...numbers,
      make("a", { href: cell.saliency.npy, download: true }, "saliency.npy")));
}
