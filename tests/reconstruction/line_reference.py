"""The whole way from samples of lines to pictures, as slow and as obvious as it can be written (specification B.3)."""

import math
from functools import lru_cache

import numpy as np

from acquisition.event import Event
from acquisition.instrument import Instrument
from reconstruction.light_sheet.blur import brightfield_blur_um
from reconstruction.time_stretch.drawing import DRAWN_PLACES
from reconstruction.time_stretch.lattice import LEAST_NOISE, LINE_PLACES, NOISES, REACH, SAMPLE_PLACES
from reconstruction.time_stretch.light import DARKEST, ECHO, LEAST_PULSE, NEAR, PULSE_RANGE
from reconstruction.time_stretch.modes import LineMode
from reconstruction.time_stretch.pictures import CONTRAST, PERIOD_STEP
from reconstruction.time_stretch.pixels import LEAST_MET
from reconstruction.time_stretch.views import dark_bins, dark_level, views_of

SAMPLES_ABOUT = 8


class Reference:
    """One channel of an event; `picture` makes the picture of one of its views."""

    def __init__(self, event: Event, instrument: Instrument, column: int) -> None:
        self.event, self.instrument, self.column = event, instrument, column
        self.period = event.clock.period_ticks
        self.views = [view for view in views_of(instrument) if view.column == column]
        level = event.background.level[column]
        self.dark = np.float32(dark_level(level, dark_bins(instrument.time_stretch, self.period)))
        self.level = level - self.dark
        around = range(math.ceil(4 * self.period))
        self.tops = [
            max(self.level[self.bin(self.middle(v, 0) + b / 4)] for b in around if self.near(v, b)) for v in self.views
        ]
        self.energies: dict[int, float] = {}

    def near(self, view, quarter: int) -> bool:
        """Whether so many quarters of a tick after a view's middle one is still in it."""
        away = quarter / 4 % self.period
        return min(away, self.period - away) < view.reach_samples - 0.5

    def middle(self, view, line: int) -> float:
        return self.event.clock.origin_tick + (line + 0.5) * self.period + view.delay_samples

    def bin(self, tick: float) -> int:
        begun = math.floor((tick - self.event.clock.origin_tick) / self.period)
        after = tick - (self.event.clock.origin_tick + begun * self.period)
        return min(int(after * 4), self.level.size - 1)

    def there(self, tick: int) -> bool:
        return 0 <= tick - self.event.window_tick < self.event.window.shape[0]

    def raw(self, tick: int) -> int:
        return int(self.event.window[tick - self.event.window_tick, self.column])

    def value(self, tick: int) -> float:
        cores = self.event.background.core_offsets[self.column]
        return self.raw(tick) - float(cores[tick % cores.size] + self.dark)

    def lit(self, tick: int, view) -> bool:
        return bool(self.level[self.bin(tick)] > DARKEST * self.tops[self.views.index(view)])

    def energy(self, line: int) -> float:
        """Energy of a line's pulse; NaN where it is missing, double, or not whole in the window."""
        if line not in self.energies:
            self.energies[line] = self._energy(line)
        return self.energies[line]

    def _energy(self, line: int) -> float:
        first = self.views[0]
        start = math.ceil(self.middle(first, line) - first.reach_samples)
        stop = math.ceil(self.middle(first, line) - first.reach_samples + self.period)
        ticks = range(start, stop)
        if not all(self.there(tick) for tick in ticks):
            return math.nan
        owner = {tick: self.view_at(tick, line) for tick in ticks}
        usable = [tick for tick in ticks if self.lit(tick, owner[tick])]
        light = sum(self.value(tick) * self.level[self.bin(tick)] for tick in usable)
        usual = sum(self.level[self.bin(tick)] ** 2 for tick in usable)
        over = 0
        for tick in ticks:
            level = self.level[self.bin(tick)]
            most = (1 + PULSE_RANGE) * level if tick in usable else max(level, 0) + ECHO * max(self.tops)
            over += self.value(tick) > most
        if light < LEAST_PULSE * usual or 2 * over >= len(usable):
            return math.nan
        of_first = [tick for tick in usable if owner[tick] is first]
        energy = 1.0
        for width in (PULSE_RANGE, NEAR, NEAR):
            total = weight = every = 0.0
            for tick in of_first:
                level = float(self.level[self.bin(tick)])
                kept = 1 - ((self.value(tick) / level - energy) / width) ** 2
                share = kept**2 * level**2 if kept > 0 else 0.0
                total, weight, every = total + share * self.value(tick) / level, weight + share, every + level**2
            if weight <= 0.25 * every:
                return 1.0
            energy = total / weight
        return energy

    def view_at(self, tick: int, line: int):
        return min(self.views, key=lambda view: abs(tick - self.middle(view, line)))

    def light(self, tick: int, line: int, view) -> float:
        """Light of a sample relative to the empty line and to its pulse; NaN where it tells nothing."""
        inside = abs(tick - self.middle(view, line)) < view.reach_samples
        if not (self.there(tick) and inside and self.lit(tick, view)):
            return math.nan
        if self.raw(tick) >= self.instrument.digitizer.highest:
            return math.nan
        return self.value(tick) / float(self.level[self.bin(tick)]) / self.energy(line)

    def picture(self, view, mode: LineMode):
        """The picture `(y, x)` of a view, and how many of its pixels are missing."""
        grid, optics = self.instrument.grid, self.instrument.time_stretch
        per_tick = self.instrument.flow_speed_m_s * 1e6 / self.instrument.sample_rate_hz
        n, missing = grid.size_px, 0
        image = np.ones((n, n))
        for r in range(n):
            tick = self.event.trigger_tick - (r + 0.5 - n / 2) * grid.pixel_um / per_tick
            among = (tick - self.middle(view, 0)) / self.period
            for c in range(n):
                x = (c + 0.5 - n / 2) * grid.pixel_um / optics.um_per_sample
                if mode is LineMode.SIMPLE:
                    values = [self.drawn(view, line, x) for line in self.of_row(among, per_tick)]
                    known = [value for value in values if not math.isnan(value)]
                    pixel = sum(known) / len(known) if known else math.nan
                else:
                    pixel = self.estimate(view, mode, among, x)
                missing += math.isnan(pixel)
                image[r, c] = 1.0 if math.isnan(pixel) else pixel
        return image, missing

    def of_row(self, among: float, per_tick: float) -> range:
        half = 0.5 * max(1.0, self.instrument.grid.pixel_um / (per_tick * self.period))
        return range(math.ceil(among - half), math.ceil(among + half))

    def drawn(self, view, line: int, x: float) -> float:
        """A line at one place, straight between the two samples beside it."""
        middle = self.middle(view, line)
        start = math.floor(middle)
        place = (math.floor((middle - start) * DRAWN_PLACES) + 0.5) / DRAWN_PLACES + x
        low = start + math.floor(place)
        share = place - math.floor(place)
        return (1 - share) * self.light(low, line, view) + share * self.light(low + 1, line, view)

    def estimate(self, view, mode: LineMode, among: float, x: float) -> float:
        before = math.floor(among)
        g = (math.floor((among - before) * LINE_PLACES) + 0.5) / LINE_PLACES
        place = self.middle(view, before) + x
        start = math.floor(place)
        f = (math.floor((place - start) * SAMPLE_PLACES) + 0.5) / SAMPLE_PLACES
        level = self.level[self.bin(self.middle(view, 0) + x)]
        noise = float(self.event.background.noise[self.column]) / CONTRAST / max(float(level), 1e-9)
        if not self.lit(math.floor(4 * (self.middle(view, 0) + x)) / 4, view):
            return math.nan
        table = min(max(math.floor(math.log2(min(noise, 1e6) / LEAST_NOISE) + 0.5), 0), NOISES - 1)
        step_um = self.instrument.flow_speed_m_s * 1e6 / self.instrument.sample_rate_hz
        period = round(self.period / PERIOD_STEP) * PERIOD_STEP
        row_um = self.instrument.grid.pixel_um
        sizes = (
            self.instrument.time_stretch.um_per_sample,
            step_um * period,
            row_um,
            brightfield_blur_um(self.instrument),
        )
        total = met = 0.0
        whole = True
        for (k, j), share in shares(mode, g, f, period, sizes, table):
            value = self.light(start + j, before + k, view)
            if math.isnan(value):
                whole = False
            else:
                total, met = total + share * value, met + share
        if whole:
            return total
        return total / met if met >= LEAST_MET else math.nan


@lru_cache(maxsize=4096)
def shares(mode, g, f, period, sizes, table):
    """Shares of the samples about a place, by line (from the one before it) and sample (from the one before it)."""
    sample_um, line_um, pixel_um, blur_um = sizes
    count = max(2, round(pixel_um / line_um))
    half = max(1, math.ceil(REACH * blur_um / line_um)) if mode is LineMode.FULL else math.ceil((count + 1) / 2)
    where, xs, ys = [], [], []
    for k in range(1 - half, half + 1):
        place = f + k * period
        for j in range(math.floor(place) - 3, math.floor(place) - 3 + SAMPLES_ABOUT):
            where.append((k, j))
            xs.append((j - place) * sample_um)
            ys.append((k - g) * line_um)
    xs, ys = np.array(xs), np.array(ys)
    if mode is LineMode.FULL:
        apart = np.subtract.outer(xs, xs) ** 2 + np.subtract.outer(ys, ys) ** 2
        noise = (LEAST_NOISE * 2.0**table) ** 2
        covariance = np.exp(-apart / (2 * blur_um) ** 2) + noise * np.eye(xs.size)
        found = np.linalg.solve(covariance, np.exp(-(xs**2 + ys**2) / (2 * blur_um) ** 2))
        return list(zip(where, found / found.sum(), strict=True))
    nearest = sorted(range(1 - half, half + 1), key=lambda k: abs(k - g))[:count]
    order = sorted((i for i in range(xs.size) if where[i][0] in nearest), key=lambda i: xs[i])
    after = next(i for i in order if xs[i] > 0)
    low = order[order.index(after) - 1]
    towards = -xs[low] / (xs[after] - xs[low])
    found = np.zeros(xs.size)
    found[low], found[after] = 1 - towards, towards
    return list(zip(where, found, strict=True))
