// Events per second, now and over the last minute.

import { byId, fitCanvas, onThemeChange, themeColour } from "./dom.js";
import { number } from "./format.js";

const SECONDS = 60;
const history = [];

export function showRate(eventsPerSecond) {
  byId("rate").textContent = eventsPerSecond === null ? "–" : number(eventsPerSecond);
  history.push(eventsPerSecond ?? 0);
  if (history.length > SECONDS) history.shift();
  draw();
}

function draw() {
  const { context, width, height } = fitCanvas(byId("rate-plot"));
  const top = Math.max(1, ...history);
  const place = (value, index) => [
    width - (history.length - 1 - index) * (width / (SECONDS - 1)),
    height - 2 - (height - 6) * (value / top),
  ];
  context.strokeStyle = themeColour("line");
  context.beginPath();
  context.moveTo(0, height - 1.5);
  context.lineTo(width, height - 1.5);
  context.stroke();
  context.strokeStyle = themeColour("accent");
  context.lineWidth = 1.5;
  context.beginPath();
  history.forEach((value, index) => context.lineTo(...place(value, index)));
  context.stroke();
}

onThemeChange(draw);
