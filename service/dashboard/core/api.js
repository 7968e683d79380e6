// Talks to the service: the token as a header, problem documents as errors, a cookie for pictures and sockets.

const BASE = "/api/v1";
const KEY = "lightline-token";
const SESSION_MS = 3600 * 1000;
let sessionSince = 0;
let askForToken = () => {};

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Who is told that the service wants a token; it gets whether there was one. */
export const onLocked = (listener) => { askForToken = listener; };

/** Take the token out of the address, so that it is not copied along with it. */
export function adoptToken() {
  const address = new URL(window.location.href);
  const token = address.searchParams.get("token");
  if (token) {
    keepToken(token);
    address.searchParams.delete("token");
    window.history.replaceState(null, "", address);
  }
}

export function keepToken(token) {
  sessionStorage.setItem(KEY, token);
  sessionSince = 0;
}

/** Ask the service; the answer as it came. */
export async function request(path, options = {}) {
  const headers = { ...options.headers };
  const token = sessionStorage.getItem(KEY);
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, { cache: "no-cache", ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service does not answer; is it still running? This page tries again by itself.");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401) askForToken(Boolean(token));
  throw new Problem(response.status, problem.detail || `The service answered ${response.status}.`);
}

async function ask(path, options = {}) {
  const response = await request(path, options);
  return response.status === 204 ? null : response.json();
}

const send = (method, path, body, headers = {}) =>
  ask(path, { method, headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });

/** Pictures and sockets cannot send a header: the service gives a read-only cookie for them. */
export async function openSession(again = false) {
  if (!again && Date.now() - sessionSince < SESSION_MS) return;
  await ask(`${BASE}/session`, { method: "POST" });
  sessionSince = Date.now();
}

export const runPath = (run) => `${BASE}/runs/${encodeURIComponent(run)}`;
export const query = (values) =>
  new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "")).toString();

let looked = { run: null, set: null };

/** Ask for this result set of a run from now on; null for what its own model said while cells flowed. */
export const lookAt = (run, set) => { looked = { run, set }; };

export const setOf = (run) => (looked.run === run ? looked.set : null);

/** An address with values; of a run that is looked at in one of its result sets, with that set. */
export function address(path, values = {}) {
  const set = looked.run && path.startsWith(`${runPath(looked.run)}/`) ? looked.set : null;
  const text = query({ results: set, ...values });
  return text ? `${path}?${text}` : path;
}

const ofRun = (run, what, values) => address(`${runPath(run)}/${what}`, values);

export const follow = (link, options) => ask(link, options);
export const statusSocket = () => `${BASE}/status/live`;
export const cellsSocket = (run, values) => ofRun(run, "live", values);
export const getRuns = () => ask(`${BASE}/runs?limit=1000`);
export const getRun = (run) => ask(runPath(run));
export const getSets = async (run) => (await ask(`${runPath(run)}/results`)).results;
export const getBundle = (run, values) => ask(ofRun(run, "bundle", values));
export const getColumns = async (run, values) => (await ask(ofRun(run, "columns", values))).columns;
export const getMaps = async (run) => (await ask(ofRun(run, "maps"))).maps;
export const getCells = (run, values, options) => ask(ofRun(run, "cells", values), options);
export const getCell = (run, cell) => ask(ofRun(run, `cells/${cell}`));
export const getTimeline = (run, values, options) => ask(ofRun(run, "timeline", values), options);
export const imagePath = (run, cell) => ofRun(run, `cells/${cell}/image.png`);
export const windowPath = (run, cell) => `${runPath(run)}/cells/${cell}/window.npy`;
export const exportPath = (run, values) => ofRun(run, "export", values);

export const startRun = (request) => send("POST", `${BASE}/runs`, request);
export const stopRun = (run) => send("POST", `${runPath(run)}/stop`, {});
export const getLabels = (run) => ask(`${runPath(run)}/labels`);
export const giveLabel = (run, body) => send("POST", ofRun(run, "labels"), body);
export const getNeighbours = (run, cell, count) => ask(ofRun(run, `cells/${cell}/neighbours`, { count }));
export const getGates = (run, values) => ask(ofRun(run, "gates", values));
export const putGate = (run, name, body, headers) => send("PUT", `${runPath(run)}/gates/${encodeURIComponent(name)}`, body, headers);
export const removeGate = (run, name, headers) => ask(`${runPath(run)}/gates/${encodeURIComponent(name)}`, { method: "DELETE", headers });
export const getDensity = (run, values, options) => ask(ofRun(run, "density", values), options);
export const getHistogram = (run, values) => ask(ofRun(run, "histogram", values));
export const getSources = () => ask(`${BASE}/sources`);
export const getBundles = () => ask(`${BASE}/bundles`);
export const startHeld = (run) => send("POST", `${runPath(run)}/start`, {});
export const addGates = (run, xml) => ask(`${runPath(run)}/gates.xml`, { method: "POST", headers: { "Content-Type": "application/xml" }, body: xml });
export const acknowledgeError = () => ask(`${BASE}/error`, { method: "DELETE" });
export const takeControls = (name, fromOthers) => send("PUT", `${BASE}/operator?take=${fromOthers}`, { name });
export const giveControls = () => ask(`${BASE}/operator`, { method: "DELETE" });
export const startSequence = (request) => send("POST", `${BASE}/sequences`, request);
export const cancelSequence = (id) => ask(`${BASE}/sequences/${encodeURIComponent(id)}`, { method: "DELETE" });
export const getTasks = () => ask(`${BASE}/tasks`);
export const cancelTask = (id) => ask(`${BASE}/tasks/${encodeURIComponent(id)}`, { method: "DELETE" });
export const makeResults = (run, wanted) => send("POST", `${runPath(run)}/results`, wanted);
export const makeMap = (run) => send("POST", ofRun(run, "maps"), { kind: "umap" });
export const getSettings = () => ask(`${BASE}/settings`);
export const setPinned = (run, yes) => ask(`${runPath(run)}/pin`, { method: yes ? "PUT" : "DELETE" });
