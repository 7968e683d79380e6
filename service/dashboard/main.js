// The page: its frame, the connection to the service, and which view is shown.

import * as api from "./core/api.js";
import { byId, make, setChoices } from "./core/dom.js";
import { count, runTitle, words } from "./core/format.js";
import * as router from "./core/router.js";
import { listen } from "./core/socket.js";
import * as store from "./core/store.js";
import { chosenTheme, nextTheme } from "./core/theme.js";
import { showKeys } from "./core/keys.js";
import { concernsOf } from "./parts/concerns.js";

const VIEWS = {
  live: () => import("./views/live.js"),
  explore: () => import("./views/explore.js"),
  cell: () => import("./views/cell.js"),
  models: () => import("./views/models.js"),
  runs: () => import("./views/runs.js"),
  service: () => import("./views/service.js"),
};
const RUNS_PERIOD_MS = 30_000;
const ORIGINS = {
  simulated: "The samples come from the simulator, not from an instrument",
  "semi-real": "Images of real cells, seen through a simulated instrument",
};
const GONE = "The service does not answer; is it still running? This page goes on by itself as soon as it does.";

let current = null;

function notice(message) {
  byId("notice").textContent = message ?? "";
  byId("notice").hidden = !message;
}

/** Show the view of an address; the same view is only told where to go. */
async function show(place) {
  const { view } = place;
  for (const link of document.querySelectorAll("nav a")) link.setAttribute("aria-current", link.dataset.view === view ? "page" : "false");
  showRuns();
  showSets(place);
  if (current?.name === view && look(place)) return current.view.move(place);
  current?.view.close();
  look(place);
  const root = make("div", { class: "view" });
  byId("view").replaceChildren(root);
  current = null;
  if (!VIEWS[view]) {
    root.append(make("p", { class: "empty" }, `There is no view called '${view}'. Choose one above.`));
    return;
  }
  const module = await VIEWS[view]();
  // Whoever went elsewhere meanwhile has another root.
  if (!root.isConnected) return;
  document.title = `${module.title} · Lightline`;
  current = { name: view, view: module.open(root, router.here()) };
}

/** Ask for the result set that an address names; returns whether it is the one that was looked at before. */
function look({ view, args, query }) {
  const run = args[0] ?? store.newestRun();
  const set = view === "live" ? null : query.results ?? null;
  const same = api.setOf(run) === set;
  api.lookAt(run, set);
  return same;
}

/** What else answered for the cells of the run that is looked at, where anything did. */
async function showSets({ view, args, query }) {
  const run = args[0] ?? store.newestRun();
  const known = view !== "live" && run ? await api.getSets(run).catch(() => []) : [];
  const here = router.here();
  if (here.view !== view || (here.args[0] ?? store.newestRun()) !== run) return;
  const list = byId("sets");
  byId("set-field").hidden = known.length < 2 && !query.results;
  setChoices(list, known.map((set) => [set.name, setTitle(set)]), query.results ?? "live");
  list.onchange = () => {
    const now = router.here();
    router.go(router.linkTo(now.view, [run, ...now.args.slice(1)], { ...now.query, results: list.value === "live" ? null : list.value }));
  };
}

function setTitle({ name, bundle, state }) {
  if (name === "live") return "as it flowed";
  return `${name === bundle ? name : `${name} · ${bundle}`}${state === "unfinished" ? " (being made)" : ""}`;
}

/** The list of runs, and links that stay with the run that is looked at. */
function showRuns() {
  const { view, args } = router.here();
  const runs = store.get("runs");
  const list = byId("runs");
  const chosen = args[0] ?? store.newestRun();
  setChoices(list, runs.map((run) => [run.id, runTitle(run)]), chosen);
  list.disabled = runs.length === 0;
  list.onchange = () => router.go(router.linkTo(view === "cell" ? "explore" : view, [list.value]));
  for (const link of document.querySelectorAll("nav a[data-of-run]")) {
    link.href = router.linkTo(link.dataset.view, args[0] ? [args[0]] : []);
  }
  const origin = runs.find((run) => run.id === chosen)?.origin ?? "measured";
  const badge = byId("origin");
  badge.hidden = origin === "measured";
  badge.textContent = origin.toUpperCase();
  badge.title = ORIGINS[origin] ?? "";
}

function showState() {
  const link = store.get("link");
  const state = link === "open" ? store.get("status").state : link;
  byId("state").dataset.state = state;
  byId("state").textContent = words(state);
  const concerns = link === "open" ? concernsOf(store.get("status")) : [];
  byId("concerns").hidden = concerns.length === 0;
  byId("concerns").textContent = concerns.length === 1 ? "1 warning" : `${count(concerns.length)} warnings`;
  byId("concerns").title = concerns.join("\n");
}

let asked = "";

async function askForRuns(again) {
  const status = store.get("status");
  const sign = `${status?.run_id} ${status?.state}`;
  if (!again && sign === asked) return;
  asked = sign;
  try {
    const { runs, pinned } = await api.getRuns();
    store.set({ pinned: new Set(pinned), runs });
  } catch (problem) {
    if (problem.status > 0 && problem.status !== 401) notice(problem.message);
  }
}

function connect() {
  return listen(api.statusSocket, {
    take: ({ status }) => {
      store.set({ status });
      store.set({ link: "open" });
      askForRuns(false);
    },
    link: (up) => {
      if (!up && store.get("link") !== "locked") store.set({ link: "offline" });
      if (up) notice(null);
      else notice(store.get("link") === "locked" ? null : GONE);
    },
    refused: (reason) => notice(reason),
  });
}

function askForToken(hadOne) {
  store.set({ link: "locked" });
  notice(null);
  byId("token-error").textContent = hadOne ? "That token is not this service's, or no longer: it may have ended, or the service was started again." : "";
  if (!byId("token-dialog").open) byId("token-dialog").showModal();
}

let stop = null;

/** Begin, or begin again with another token. */
async function begin() {
  stop?.();
  store.set({ link: "connecting" });
  try {
    await api.openSession(true);
  } catch (problem) {
    if (problem.status === 401) return;
    notice(problem.message);
  }
  stop = connect();
  await askForRuns(true);
  current?.view.close();
  current = null;
  await show(router.here());
}

byId("token-form").addEventListener("submit", () => {
  api.keepToken(byId("token").value.trim());
  byId("token").value = "";
  byId("token-dialog").close();
  begin();
});

const themeButton = byId("theme");
const showTheme = (theme) => {
  themeButton.dataset.theme = theme;
  themeButton.title = themeButton.ariaLabel = `Colours: ${theme}; press to change`;
};
themeButton.addEventListener("click", () => showTheme(nextTheme()));
showTheme(chosenTheme());
byId("keys").addEventListener("click", showKeys);

store.watch("link", showState);
store.watch("status", showState);
store.watch("runs", showRuns);
store.watch("sets", () => showSets(router.here()));
router.onMove(show);
api.onLocked(askForToken);
api.adoptToken();
setInterval(() => askForRuns(true), RUNS_PERIOD_MS);
setInterval(() => api.openSession().catch(() => {}), RUNS_PERIOD_MS);
begin();
