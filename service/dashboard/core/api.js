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

export const follow = (link, options) => ask(link, options);
export const statusSocket = () => `${BASE}/status/live`;
export const cellsSocket = (run, values) => `${runPath(run)}/live?${query(values)}`;
export const getRuns = () => ask(`${BASE}/runs?limit=1000`);
export const getRun = (run) => ask(runPath(run));
export const getBundle = (run) => ask(`${runPath(run)}/bundle`);
export const getColumns = async (run) => (await ask(`${runPath(run)}/columns`)).columns;
export const getCells = (run, values, options) => ask(`${runPath(run)}/cells?${query(values)}`, options);
export const getCell = (run, cell) => ask(`${runPath(run)}/cells/${cell}`);
export const getTimeline = (run, values, options) => ask(`${runPath(run)}/timeline?${query(values)}`, options);
export const imagePath = (run, cell) => `${runPath(run)}/cells/${cell}/image.png`;
export const windowPath = (run, cell) => `${runPath(run)}/cells/${cell}/window.npy`;

export const startRun = (request) => send("POST", `${BASE}/runs`, request);
export const stopRun = (run) => send("POST", `${runPath(run)}/stop`, {});
export const getLabels = (run) => ask(`${runPath(run)}/labels`);
export const giveLabel = (run, body) => send("POST", `${runPath(run)}/labels`, body);
export const getNeighbours = (run, cell, count) => ask(`${runPath(run)}/cells/${cell}/neighbours?count=${count}`);
export const getGates = (run, values) => ask(`${runPath(run)}/gates?${query(values)}`);
export const putGate = (run, name, body, headers) => send("PUT", `${runPath(run)}/gates/${encodeURIComponent(name)}`, body, headers);
export const removeGate = (run, name, headers) => ask(`${runPath(run)}/gates/${encodeURIComponent(name)}`, { method: "DELETE", headers });
export const getDensity = (run, values, options) => ask(`${runPath(run)}/density?${query(values)}`, options);
export const getHistogram = (run, values) => ask(`${runPath(run)}/histogram?${query(values)}`);
export const getSources = () => ask(`${BASE}/sources`);
export const getBundles = () => ask(`${BASE}/bundles`);
export const startHeld = (run) => send("POST", `${runPath(run)}/start`, {});
export const addGates = (run, xml) => ask(`${runPath(run)}/gates.xml`, { method: "POST", headers: { "Content-Type": "application/xml" }, body: xml });
export const acknowledgeError = () => ask(`${BASE}/error`, { method: "DELETE" });
export const takeControls = (name, fromOthers) => send("PUT", `${BASE}/operator?take=${fromOthers}`, { name });
export const giveControls = () => ask(`${BASE}/operator`, { method: "DELETE" });
