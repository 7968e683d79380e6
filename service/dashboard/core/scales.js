// Axes that gates are drawn on, as the service has them: a place on an axis is a number on its scale.

const LN10 = Math.log(10);
const ASINH = { top: 262144, decades: 4.5, negative: 0 };
const STEEPNESS = Math.sinh(ASINH.decades * LN10) / ASINH.top;
const WIDTH = (ASINH.decades + ASINH.negative) * LN10;

export const SCALES = {
  linear: { of: (value) => value, back: (place) => place, region: { kind: "linear" } },
  log: { of: (value) => (value > 0 ? Math.log10(value) : NaN), back: (place) => 10 ** place, region: { kind: "log" } },
  asinh: {
    of: (value) => (Math.asinh(value * STEEPNESS) + ASINH.negative * LN10) / WIDTH,
    back: (place) => Math.sinh(place * WIDTH - ASINH.negative * LN10) / STEEPNESS,
    region: { kind: "asinh" },
  },
};

/** Whether a gate's axis is the one that a plot has: the same column and the same numbers of its scale. */
export function sameAxis(gateAxis, column, scale) {
  if (gateAxis.column !== column || (gateAxis.scale?.kind ?? "linear") !== scale) return false;
  const { top, decades, negative_decades: negative } = gateAxis.scale ?? {};
  const usual = scale === "log" ? [10, 1, undefined] : scale === "asinh" ? [ASINH.top, ASINH.decades, ASINH.negative] : [];
  return [top, decades, negative].every((value, index) => value === undefined || value === usual[index]);
}

const text = (value) => {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(0).replace("+", "") : String(Number(value.toPrecision(6)));
};

/** Round values between two places of a linear axis, about `wanted` of them. */
function evenTicks(low, high, wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const ticks = [];
  for (let k = Math.ceil(low / step); k * step <= high; k += 1) ticks.push({ place: k * step, text: text(k * step) });
  return ticks;
}

/** Decades, and where there are few of them, what lies between. */
function decadeTicks(scale, low, high, wanted) {
  const { of, back } = SCALES[scale];
  const [least, most] = [back(low), back(high)];
  const span = scale === "log" || least > 0 ? Math.log10(most / least) : Math.log10(Math.max(most, -least, 10));
  if (span < 1.3) {
    return evenTicks(least, most, wanted).map((tick) => ({ ...tick, place: of(tick.place) })).filter(({ place }) => Number.isFinite(place));
  }
  const ticks = [];
  const add = (value) => {
    const place = of(value);
    if (place >= low && place <= high) ticks.push({ place, text: text(value) });
  };
  const step = Math.max(1, Math.ceil(span / wanted));
  const first = scale === "log" ? Math.floor(low) : 1;
  for (let k = first; k <= Math.log10(Math.max(most, -least)); k += step) {
    for (const factor of span < 2.5 ? [1, 2, 5] : [1]) {
      add(factor * 10 ** k);
      if (scale === "asinh") add(-factor * 10 ** k);
    }
  }
  if (scale === "asinh") add(0);
  return ticks;
}

/** Places of an axis with the values that stand there, in the column's unit. */
export const ticksOf = (scale, low, high, wanted) =>
  scale === "linear" ? evenTicks(low, high, wanted) : decadeTicks(scale, low, high, wanted);
