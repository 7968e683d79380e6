// Okabe and Ito's colours, told apart with any kind of colour vision; a ninth cluster begins again, hollow.

const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#8c8c8c"];

export const clusterColour = (cluster) => COLOURS[((cluster % COLOURS.length) + COLOURS.length) % COLOURS.length];
export const isHollow = (cluster) => cluster >= COLOURS.length;
