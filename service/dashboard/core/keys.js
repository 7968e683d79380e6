// The keys of the page: those that work in every view, and a sheet of all of them.

import { byId, make } from "./dom.js";
import { go, here, linkTo } from "./router.js";

const VIEWS = { l: "live", e: "explore", c: "cell", m: "models", r: "runs", s: "service" };
const SHEET = {
  "Everywhere": { "?": "this sheet", "g then l, e, c, m, r, s": "go to Live, Explore, Cell, Models, Runs, Service", "Tab, Shift Tab": "from one thing to the next" },
  "Plots": { "← → ↑ ↓": "from cell to cell", "+ −": "closer, farther", "0, double click": "show everything", "wheel, drag": "zoom, move" },
  "Gates in Explore": { "r, p, e": "draw a rectangle, a polygon, an ellipse", "Enter, Esc": "close the polygon, give up", "arrows on a handle": "move it, finer with Shift", "Ctrl Z, Ctrl Y": "back, forth" },
  "A cell": { "← →": "the cell before, the next cell", "arrows on the volume": "turn it", "+ − on volume or samples": "closer, farther" },
};

/** Whether a key that was pressed is meant for what has the focus; a dialog that was closed keeps it until the next picture. */
const taken = ({ target, altKey, ctrlKey, metaKey }) => altKey || ctrlKey || metaKey || target.closest?.("input:not([type=radio], [type=checkbox], [type=range]), select, textarea, dialog[open]");

/** Show the sheet. */
export function showKeys() {
  const dialog = byId("keys-dialog");
  if (dialog.open) return;
  const part = ([title, keys]) => make("section", {}, make("h3", {}, title),
    make("dl", { class: "keys" }, ...Object.entries(keys).map(([key, does]) => make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, does)))));
  dialog.replaceChildren(make("form", { method: "dialog" }, make("h2", { id: "keys-title" }, "Keys"), make("div", { class: "key-parts" }, ...Object.entries(SHEET).map(part)),
    make("button", { type: "submit", class: "primary" }, "Close")));
  dialog.showModal();
}

/** Whether `g` was pressed, and the next key says where to go; a click means something else was wanted. */
let going = false;

document.addEventListener("pointerdown", () => { going = false; });

document.addEventListener("keydown", (event) => {
  if (taken(event) || event.defaultPrevented) return;
  const view = going ? VIEWS[event.key] : undefined;
  going = false;
  if (event.key === "?") showKeys();
  else if (event.key === "g") going = true;
  else if (view) {
    const { args } = here();
    go(linkTo(view, view === "service" || view === "live" ? [] : args.slice(0, 1)));
  } else return;
  event.preventDefault();
  // In Explore, e and r draw gates otherwise.
  event.stopImmediatePropagation();
});
