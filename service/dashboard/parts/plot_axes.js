// The frame of a plot: ticks, values and what the axes are.

import { themeColour } from "../core/theme.js";
import { scaled } from "../core/type.js";

export function drawAxes(context, frame, titles, ticks) {
  const [wide, high] = [frame.right - frame.left, frame.bottom - frame.top];
  context.fillStyle = themeColour("plot");
  context.fillRect(frame.left, frame.top, wide, high);
  context.fillStyle = themeColour("grid");
  for (const [x] of ticks.x) context.fillRect(Math.round(x), frame.top, 1, high);
  for (const [y] of ticks.y) context.fillRect(frame.left, Math.round(y), wide, 1);
  context.strokeStyle = themeColour("line");
  context.lineWidth = 1;
  context.strokeRect(frame.left + 0.5, frame.top + 0.5, wide - 1, high - 1);
  context.fillStyle = themeColour("muted");
  context.font = `${scaled(11)}px system-ui, sans-serif`;
  context.textAlign = "center";
  for (const [x, text] of ticks.x) context.fillText(text, x, frame.bottom + scaled(15));
  context.textAlign = "right";
  for (const [y, text] of ticks.y) context.fillText(text, frame.left - scaled(6), y + scaled(4));
  context.textAlign = "center";
  context.font = `${scaled(12)}px system-ui, sans-serif`;
  context.fillStyle = themeColour("ink");
  context.fillText(titles.x, frame.left + wide / 2, frame.bottom + scaled(34));
  context.save();
  context.translate(scaled(13), frame.top + high / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(titles.y, 0, 0);
  context.restore();
}
