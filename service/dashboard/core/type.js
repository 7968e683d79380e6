// Sizes of drawings go with the type, which is larger on large screens.

const USUAL_PX = 13;
let factor = null;

window.addEventListener("resize", () => { factor = null; });

/** Pixels of a length that is given for type of the usual size. */
export function scaled(px) {
  factor ??= parseFloat(getComputedStyle(document.documentElement).fontSize) / USUAL_PX;
  return factor * px;
}
