// Okabe and Ito's colours, told apart with any kind of colour vision; a ninth group begins again, hollow.

const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#8c8c8c"];
const DENSITY = {
  light: [[214, 228, 240], [104, 158, 202], [24, 92, 146], [8, 38, 66]],
  dark: [[24, 44, 62], [30, 96, 148], [86, 180, 233], [240, 249, 255]],
};

export const NO_GROUP = 255;
export const groupColour = (group) => (group === NO_GROUP ? COLOURS[7] : COLOURS[((group % 8) + 8) % 8]);
export const isHollow = (group) => group >= 8 && group !== NO_GROUP;

/** A colour as three numbers. */
export const rgb = (colour) => [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));

/** The colour of a density between 0 and 1, as three numbers. */
export function densityColour(share, dark) {
  const stops = DENSITY[dark ? "dark" : "light"];
  const at = Math.min(0.9999, Math.max(0, share)) * (stops.length - 1);
  const [low, high] = [stops[Math.floor(at)], stops[Math.floor(at) + 1]];
  return low.map((value, index) => value + (at % 1) * (high[index] - value));
}
