// Talks to the service: the token as a header, problem documents as errors, a cookie for pictures.

const BASE = "/api/v1";
const KEY = "lightline-token";
const SESSION_MS = 3600 * 1000;
let sessionSince = 0;

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

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

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  const token = sessionStorage.getItem(KEY);
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch {
    throw new Problem(0, "The service does not answer; is it still running? This page tries again by itself.");
  }
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  throw new Problem(response.status, problem.detail || `The service answered ${response.status}.`);
}

/** Pictures cannot send a header: the service gives a read-only cookie for them. */
export async function openSession() {
  if (Date.now() - sessionSince < SESSION_MS) return;
  await ask(`${BASE}/session`, { method: "POST" });
  sessionSince = Date.now();
}

export const forgetSession = () => { sessionSince = 0; };

const runPath = (run) => `${BASE}/runs/${encodeURIComponent(run)}`;
const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null)).toString();

export const getStatus = () => ask(`${BASE}/status`);
export const getRuns = () => ask(`${BASE}/runs?limit=100`);
export const getRun = (run) => ask(runPath(run));
export const getBundle = (run) => ask(`${runPath(run)}/bundle`);
export const getCells = (run, values) => ask(`${runPath(run)}/cells?${query(values)}`);
export const getCell = (run, cell) => ask(`${runPath(run)}/cells/${cell}`);
export const follow = (link) => ask(link);
export const imagePath = (run, cell) => `${runPath(run)}/cells/${cell}/image.png`;

export const startRun = (request) =>
  ask(`${BASE}/runs`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request),
  });
export const stopRun = (run) => ask(`${runPath(run)}/stop`, { method: "POST" });
