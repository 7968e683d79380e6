// What comes by itself: a WebSocket that is opened again when it is lost, and says when it was refused.

import { openSession } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5000;
const NO_TOKEN = 4401;

/**
 * Listen until told to stop.
 *
 * `path` is asked for at every opening, so that a listener goes on where it was; `take` gets every message, `link` is told
 * `true` or `false` as the connection comes and goes, `refused` gets the reason where opening again would not help.
 */
export function listen(path, { take, link = () => {}, refused = () => {} }) {
  let socket = null;
  let wait = FIRST_WAIT_MS;
  let timer = 0;
  let over = false;

  function open() {
    const address = new URL(path(), window.location.href);
    address.protocol = address.protocol.replace("http", "ws");
    socket = new WebSocket(address);
    socket.onmessage = ({ data }) => {
      wait = FIRST_WAIT_MS;
      link(true);
      take(JSON.parse(data));
    };
    socket.onclose = (event) => { if (!over) closed(event); };
  }

  async function closed({ code, reason }) {
    if (code === 1000) return;
    if (code > 4000 && code !== NO_TOKEN) return refused(reason, code);
    link(false);
    if (code === NO_TOKEN) {
      // Whoever needs a token is asked for it by the session.
      try { await openSession(true); } catch { return; }
    }
    timer = setTimeout(() => { if (!over) open(); }, wait);
    wait = Math.min(2 * wait, LONGEST_WAIT_MS);
  }

  open();
  return () => {
    over = true;
    clearTimeout(timer);
    // A socket that is closed while it opens makes the browser print an error.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket.close();
  };
}
