// Many points in plain arrays, that grow while a run goes on.

import { NO_GROUP } from "../core/palette.js";
import { SCALES } from "../core/scales.js";

export class Points {
  constructor() {
    this.clear();
  }

  clear() {
    this.n = 0;
    this.#make(4096);
    this.#forget();
  }

  /** Say that what was reckoned of the points before no longer holds. */
  #forget() {
    this.known = new Map();
    this.age = (this.age ?? 0) + 1;
  }

  #make(size) {
    const grown = (old, Type) => {
      const array = new Type(size);
      if (old) array.set(old.subarray(0, this.n));
      return array;
    };
    this.x = grown(this.x, Float32Array);
    this.y = grown(this.y, Float32Array);
    this.group = grown(this.group, Uint8Array);
    this.id = grown(this.id, Float64Array);
  }

  add(x, y, group, id) {
    if (this.n === this.x.length) this.#make(2 * this.n);
    this.x[this.n] = x ?? NaN;
    this.y[this.n] = y ?? NaN;
    this.group[this.n] = group ?? NO_GROUP;
    this.id[this.n] = id;
    this.n += 1;
  }

  /** Forget all but the latest. */
  keep(latest) {
    const first = this.n - latest;
    if (first <= 0) return;
    for (const array of [this.x, this.y, this.group, this.id]) array.copyWithin(0, first, this.n);
    this.n = latest;
    this.#forget();
  }

  /** Ends of one axis on a scale; null where there is nothing to show. Only points that came since are looked at. */
  ends(axis, scale) {
    const [values, { of }] = [this[axis], SCALES[scale]];
    const key = `${axis} ${scale}`;
    let { low, high, seen } = this.known.get(key) ?? { low: Infinity, high: -Infinity, seen: 0 };
    for (let k = seen; k < this.n; k += 1) {
      const place = of(values[k]);
      if (place < low) low = place;
      if (place > high) high = place;
    }
    this.known.set(key, { low, high, seen: this.n });
    return low <= high ? [low, high] : null;
  }

  /** Index of the point nearest to a place, where `far` gives the squared distance; -1 beyond the reach. */
  nearest(far, reach) {
    let [best, least] = [-1, reach];
    for (let k = 0; k < this.n; k += 1) {
      const distance = far(this.x[k], this.y[k]);
      if (distance <= least) [best, least] = [k, distance];
    }
    return best;
  }
}
