// A picture with its scale bar in micrometres.

import { make } from "../core/dom.js";

const NICE_UM = [5, 2, 1, 10, 20, 50, 100];

/** Length of a scale bar in micrometres: 5 where that is between a tenth and a half of the field. */
export function barLength(field_um) {
  return NICE_UM.find((length) => length >= 0.1 * field_um && length <= 0.5 * field_um) ?? field_um / 4;
}

/** Make a picture; the bar is set once the picture's own size is known, and words stand where it could not be had. */
export function picture(source, alternative, pixel_um, { label = true, lazy = false } = {}) {
  const bar = make("span", { class: "scale-bar", hidden: true });
  const image = make("img", { alt: alternative, src: source, loading: lazy ? "lazy" : "eager", decoding: "async" });
  const frame = make("span", { class: "picture" }, image, bar);
  image.addEventListener("load", () => {
    frame.style.aspectRatio = `${image.naturalWidth} / ${image.naturalHeight}`;
    const field_um = image.naturalWidth * pixel_um;
    const length = barLength(field_um);
    bar.style.width = `${(100 * length) / field_um}%`;
    if (label) bar.dataset.label = `${length} µm`;
    bar.hidden = false;
    delete frame.dataset.missing;
  });
  image.addEventListener("error", () => { frame.dataset.missing = "no picture"; });
  return frame;
}
