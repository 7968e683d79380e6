// Small helpers for the document; text is always set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** Make an element with attributes and children; a child that is a string becomes text. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an element of a drawing. */
export function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Make a panel: a section under a heading, with what stands beside the heading. */
export function panel(title, { name = "", beside = [] } = {}, ...children) {
  const heading = make("h2", {}, title);
  const head = make("div", { class: "panel-head" }, heading, beside);
  return make("section", { class: `panel ${name}`.trim(), "aria-label": title }, head, ...children);
}

/** Make a field: a label, and what is filled in. */
export const field = (label, input) => make("label", { class: "field" }, make("span", {}, label), input);

/** Make a list to choose from; options are values, or pairs of value and text. */
export function choice(options, chosen, change, attributes = {}) {
  const list = make("select", { ...attributes, onchange: () => change(list.value) });
  setChoices(list, options, chosen);
  return list;
}

/** Change what a list offers, if it is not the same. */
export function setChoices(list, options, chosen) {
  const pairs = options.map((option) => (Array.isArray(option) ? option : [option, option]));
  const sign = JSON.stringify(pairs);
  if (list.dataset.sign !== sign) {
    list.dataset.sign = sign;
    list.replaceChildren(...pairs.map(([value, text]) => make("option", { value }, text)));
  }
  if (chosen !== null && chosen !== undefined && list.value !== String(chosen)) list.value = String(chosen);
}

/** Do what was asked for, and show what speaks against it. */
export async function tried(said, work) {
  try {
    await work();
    said.textContent = "";
  } catch (problem) {
    said.textContent = problem.message;
  }
}

/** Fit a canvas to its place on the screen, at the screen's own resolution; returns the context and CSS size. */
export function fitCanvas(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  const wide = Math.max(1, Math.round(width * ratio));
  const high = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** Call `work` once before the next picture, however often it is asked for. */
export function onceAFrame(work) {
  let asked = 0;
  return () => {
    if (asked) return;
    asked = requestAnimationFrame(() => {
      asked = 0;
      work();
    });
  };
}
