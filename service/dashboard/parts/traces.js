// The raw samples of an event, a lane for each channel, with the trigger marked: what an oscilloscope would show.

import { request, windowPath } from "../core/api.js";
import { fitCanvas, make, onceAFrame } from "../core/dom.js";
import { words } from "../core/format.js";
import { readNpy } from "../core/npy.js";
import { groupColour } from "../core/palette.js";
import { ticksOf } from "../core/scales.js";
import { onThemeChange, themeColour } from "../core/theme.js";
import { scaled } from "../core/type.js";

const LEFT = 44;
const BOTTOM = 30;
const TRIGGER = "Lightline-Trigger";

export class Traces {
  constructor() {
    this.canvas = make("canvas", { role: "img", "aria-label": "Raw samples of the event", tabindex: "0" });
    this.note = make("p", { class: "empty" }, "No event yet.");
    this.element = make("div", { class: "traces" }, this.canvas, this.note);
    this.event = null;
    this.part = [0, 1];
    this.draw = onceAFrame(() => this.#draw());
    const observer = new ResizeObserver(this.draw);
    observer.observe(this.canvas);
    const forget = onThemeChange(this.draw);
    this.close = () => { observer.disconnect(); forget(); };
    this.#listen();
  }

  /** Ask for the samples of an event and show them; an event that is gone leaves what was shown. */
  async show(run, event) {
    const response = await request(windowPath(run.id, event));
    const { data, shape } = readNpy(await response.arrayBuffer());
    const trigger = Number(response.headers.get(TRIGGER) ?? NaN);
    this.event = { data, samples: shape[0], channels: run.run.instrument.channels.map(({ name }) => name), rate: run.sampleRate, trigger };
    this.canvas.setAttribute("aria-label", `Raw samples of event ${event}, ${shape[0]} of each channel; + and - zoom, arrows move`);
    this.note.hidden = true;
    this.draw();
  }

  /** Show nothing until another event is asked for. */
  clear() {
    this.event = null;
    this.note.hidden = false;
    this.draw();
  }

  #listen() {
    const zoom = (factor, at) => {
      const [low, high] = this.part;
      const place = low + at * (high - low);
      const clip = (value) => Math.min(1, Math.max(0, value));
      this.part = [clip(place + factor * (low - place)), clip(place + factor * (high - place))];
      this.draw();
    };
    const move = (share) => {
      const [low, high] = this.part;
      const step = Math.min(1 - high, Math.max(-low, share * (high - low)));
      this.part = [low + step, high + step];
      this.draw();
    };
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(2 ** (event.deltaY / 300), Math.max(0, (event.offsetX - this.left) / (this.canvas.clientWidth - this.left)));
    }, { passive: false });
    this.canvas.addEventListener("dblclick", () => { this.part = [0, 1]; this.draw(); });
    this.canvas.addEventListener("keydown", ({ key }) => {
      if (key === "+" || key === "=") zoom(0.5, 0.5);
      else if (key === "-") zoom(2, 0.5);
      else if (key === "ArrowLeft" || key === "ArrowRight") move(key === "ArrowLeft" ? -0.2 : 0.2);
    });
  }

  get left() {
    return scaled(LEFT);
  }

  get bottom() {
    return scaled(BOTTOM);
  }

  #draw() {
    const { context, width, height } = fitCanvas(this.canvas);
    if (!this.event || width < 2) return;
    const { samples, channels, trigger } = this.event;
    const [first, last] = this.part.map((share) => Math.round(share * (samples - 1)));
    const lane = (height - this.bottom) / channels.length;
    context.font = `${scaled(11)}px system-ui, sans-serif`;
    channels.forEach((name, channel) => this.#lane(context, channel, name, { first, last, top: channel * lane, high: lane - 6, width }));
    this.#times(context, first, last, width, height);
    if (trigger >= first && trigger <= last) {
      const x = this.left + ((trigger - first) / (last - first)) * (width - this.left);
      context.fillStyle = themeColour("alarm");
      context.fillRect(Math.round(x), 0, 1, height - this.bottom);
      this.#say(context, "trigger", x + (x > width - scaled(50) ? -4 : 4), scaled(11), x > width - scaled(50), "alarm");
    }
  }

  /** Where there are more samples than pixels, every pixel shows the least and the largest. */
  #lane(context, channel, name, { first, last, top, high, width }) {
    const { data, channels } = this.event;
    const [stride, columns] = [channels.length, Math.max(1, Math.floor(width - this.left))];
    const [lows, highs] = [new Float32Array(columns).fill(Infinity), new Float32Array(columns).fill(-Infinity)];
    let [least, most] = [Infinity, -Infinity];
    for (let column = 0; column < columns; column += 1) {
      const from = first + Math.floor((column * (last - first)) / columns);
      const to = Math.min(last, Math.max(from + 1, first + Math.floor(((column + 1) * (last - first)) / columns)));
      for (let k = from; k <= to; k += 1) {
        const value = data[k * stride + channel];
        if (value < lows[column]) lows[column] = value;
        if (value > highs[column]) highs[column] = value;
      }
      if (lows[column] < least) least = lows[column];
      if (highs[column] > most) most = highs[column];
    }
    if (most === least) most += 1;
    const y = (value) => top + high - ((value - least) / (most - least)) * (high - 4) - 2;
    context.fillStyle = themeColour("plot");
    context.fillRect(this.left, top, width - this.left, high);
    context.fillStyle = themeColour("muted");
    context.textAlign = "right";
    context.fillText(String(most), this.left - scaled(5), top + scaled(11));
    context.fillText(String(least), this.left - scaled(5), top + high - 2);
    context.strokeStyle = groupColour(channel);
    context.lineWidth = 1;
    context.beginPath();
    for (let column = 0; column < columns; column += 1) {
      context.lineTo(this.left + column, y(lows[column]));
      context.lineTo(this.left + column, y(highs[column]));
    }
    context.stroke();
    this.#say(context, `${words(name)}, counts`, width - 4, top + scaled(12), true, "ink");
  }

  /** Write over the samples, on a ground of its own. */
  #say(context, text, x, y, leftwards, colour) {
    const wide = context.measureText(text).width;
    context.globalAlpha = 0.85;
    context.fillStyle = themeColour("plot");
    context.fillRect(leftwards ? x - wide - 3 : x - 3, y - scaled(11), wide + 6, scaled(15));
    context.globalAlpha = 1;
    context.fillStyle = themeColour(colour);
    context.textAlign = leftwards ? "right" : "left";
    context.fillText(text, x, y);
  }

  /** Times from the trigger on, where it is known. */
  #times(context, first, last, width, height) {
    const { rate, trigger } = this.event;
    const zero = Number.isFinite(trigger) ? trigger : 0;
    const span_s = (last - first) / rate;
    const [unit, factor] = span_s > 1e-3 ? ["ms", 1e3] : ["µs", 1e6];
    const time = (sample) => ((sample - zero) / rate) * factor;
    context.fillStyle = themeColour("muted");
    context.textAlign = "center";
    for (const { place, text } of ticksOf("linear", time(first), time(last), width / scaled(80))) {
      const x = this.left + ((place - time(first)) / (time(last) - time(first))) * (width - this.left);
      if (x > this.left + 8 && x < width - 10) context.fillText(text, x, height - this.bottom + scaled(13));
    }
    const from = Number.isFinite(trigger) ? "since the trigger" : "since the window began";
    context.fillText(`time ${from} (${unit})`, this.left + (width - this.left) / 2, height - 3);
  }
}
