// The page: asks the service once a second, and hands what it says to the panels.

import * as api from "./api.js";
import { showAbout, showRuns, showState } from "./about.js";
import { CellPanel } from "./cell.js";
import { byId } from "./dom.js";
import { Gallery } from "./gallery.js";
import { showLedger } from "./ledger.js";
import { showRate } from "./rate.js";
import { Scatter } from "./scatter.js";

const PERIOD_MS = 1000;
const RUNS_PERIOD_MS = 15000;
const BUSY = ["arming", "acquiring", "draining"];
const PAGE = 5000;
const PAGES_A_TURN = 4;
const FIELDS = "event_id,cluster,class,novel,embedding_0,embedding_1";
const EMPTY_LEDGER = { detected: 0, stored: 0, rejected: {}, dropped: {}, in_flight: 0, samples: 0, samples_lost: 0, losses_of_unknown_size: 0 };

/** What is looked at: a run, a cell in it, and whether to go along with the next run. */
const view = { run: null, cell: null, following: true, cursor: 0, current: null, ids: [], runs: [], runsSign: "", runsAt: 0 };

const scatter = new Scatter(chooseCell);
const gallery = new Gallery(chooseCell);
const panel = new CellPanel(stepCell);

function notice(message, kind = "error") {
  const line = byId("notice");
  line.dataset.kind = kind;
  line.textContent = message ?? "";
  line.hidden = !message;
}

function writeAddress() {
  const parts = new URLSearchParams();
  if (view.run) parts.set("run", view.run);
  if (view.cell) parts.set("cell", view.cell);
  window.history.replaceState(null, "", parts.size ? `#${parts}` : window.location.pathname);
}

function readAddress() {
  const parts = new URLSearchParams(window.location.hash.slice(1));
  const run = parts.get("run");
  if (!run) return;
  const cell = Number(parts.get("cell")) || null;
  if (run !== view.run) lookAt(run, false);
  if (cell && cell !== view.cell) chooseCell(cell);
}

function lookAt(run, following) {
  Object.assign(view, { run, following, cell: null, cursor: 0, ids: [] });
  scatter.clear();
  gallery.clear(run);
  panel.clear();
  writeAddress();
  if (!run) return;
  api.getBundle(run).then(
    (bundle) => { if (view.run === run) scatter.setNames(bundle.clusters); },
    (problem) => notice(problem.message),
  );
}

function chooseCell(id) {
  view.cell = id;
  writeAddress();
  scatter.select(id);
  gallery.select(id);
  panel.show(view.run, id);
}

function stepCell(step) {
  const now = view.ids.indexOf(view.cell);
  const next = view.ids[now < 0 ? view.ids.length - 1 : now + step];
  if (next) chooseCell(next);
}

async function takeCells(pixel_um) {
  for (let turn = 0; turn < PAGES_A_TURN; turn += 1) {
    const { run } = view;
    const page = await api.getCells(run, { fields: FIELDS, after: view.cursor, limit: PAGE });
    if (view.run !== run || page.rows.length === 0) break;
    view.cursor = page.rows.at(-1).event_id;
    view.ids.push(...page.rows.map((row) => row.event_id));
    scatter.add(page.rows);
    gallery.add(page.rows);
    if (page.rows.length < PAGE) break;
  }
  gallery.refresh(pixel_um);
}

/** The list of runs changes rarely, and is long: it is asked for when a run begins or ends, and now and then. */
async function knownRuns(status) {
  const sign = `${status.run_id} ${status.state}`;
  if (sign !== view.runsSign || Date.now() - view.runsAt > RUNS_PERIOD_MS) {
    view.runs = (await api.getRuns()).runs;
    Object.assign(view, { runsSign: sign, runsAt: Date.now() });
  }
  return view.runs;
}

async function turn() {
  await api.openSession();
  const status = await api.getStatus();
  const runs = await knownRuns(status);
  const newest = status.run_id ?? runs[0]?.id ?? null;
  if (view.following && newest !== view.run) lookAt(newest, true);
  view.current = status.run_id;
  showState(status.state);
  showRuns(runs, view.run, (run) => lookAt(run, run === newest));
  const run = view.run ? await api.getRun(view.run) : null;
  const busy = BUSY.includes(status.state);
  const live = busy && run !== null && run.id === status.run_id;
  showAbout(run);
  showLedger(live ? status.ledger : run?.ledger ?? EMPTY_LEDGER);
  showRate(live ? status.event_rate_hz : null);
  byId("start-button").disabled = busy;
  byId("stop-button").disabled = status.state !== "acquiring";
  if (run) await takeCells(run.instrument.grid.pixel_um);
}

let wentWrong = false;

async function poll() {
  try {
    await turn();
    if (wentWrong) notice(null);
    wentWrong = false;
  } catch (problem) {
    wentWrong = true;
    if (problem.status === 401) return askToken();
    if (problem.status === 0) showState("offline");
    if (!(problem instanceof api.Problem)) throw problem;
    notice(problem.message);
  } finally {
    if (!byId("token-dialog").open) setTimeout(poll, PERIOD_MS);
  }
}

function askToken() {
  showState("locked");
  const dialog = byId("token-dialog");
  byId("token-error").textContent = sessionStorage.getItem("lightline-token") ? "That token is not this service's; it may have been started again." : "";
  if (!dialog.open) dialog.showModal();
}

byId("token-form").addEventListener("submit", () => {
  api.keepToken(byId("token").value.trim());
  byId("token").value = "";
  byId("token-dialog").close();
  poll();
});

byId("start").addEventListener("submit", async (event) => {
  event.preventDefault();
  const cells = byId("cells").value;
  const button = byId("start-button");
  button.disabled = true;
  showState("arming");
  notice("Opening the source and warming the model …", "info");
  try {
    // At the pace of the instrument: this page is for watching.
    const request = { source: byId("source").value.trim(), cells: cells ? Number(cells) : null, speed: 1 };
    const run = await api.startRun(request);
    notice(null);
    lookAt(run.id, true);
  } catch (problem) {
    notice(problem.message);
    button.disabled = false;
  }
});

byId("stop-button").addEventListener("click", async () => {
  try {
    await api.stopRun(view.current);
  } catch (problem) {
    notice(problem.message);
  }
});

window.addEventListener("hashchange", readAddress);
api.adoptToken();
readAddress();
poll();
