// Where the page is: `#/view/argument/...?name=value`, so that every view can be linked to and gone back to.

const listeners = new Set();

/** Take an address apart; an empty one is the live view. */
export function placeOf(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view, ...args] = path.split("/").filter(Boolean).map(decodeURIComponent);
  return { view: view ?? "live", args, query: Object.fromEntries(new URLSearchParams(query)) };
}

export const here = () => placeOf(window.location.hash);

/**
 * Write an address; values that are null, undefined or empty are left out.
 *
 * Links to the run that is looked at stay with its result set, unless they say which.
 */
export function linkTo(view, args = [], query = {}) {
  const { args: seen, query: { results } } = here();
  const same = results && args[0] === seen[0] && view !== "live";
  const kept = Object.entries(same ? { results, ...query } : query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = kept.length ? `?${new URLSearchParams(kept)}` : "";
  return `#/${[view, ...args].filter(Boolean).map(encodeURIComponent).join("/")}${text}`;
}

/** Go somewhere, as a link does. */
export const go = (link) => {
  window.location.hash = link;
};

/** Write where the view is now, without a step to go back to. */
export const note = (link) => window.history.replaceState(null, "", link);

export const onMove = (listener) => listeners.add(listener);

window.addEventListener("hashchange", () => listeners.forEach((listener) => listener(here())));
