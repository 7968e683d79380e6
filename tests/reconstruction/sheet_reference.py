"""The whole way from samples to images, as slow and as obvious as it can be written (specification A.4 and A.7)."""

import math

import numpy as np

from acquisition.event import BINS_PER_TICK, Event
from acquisition.instrument import Instrument


def height_um(scan, number: int, u: float) -> float:
    """Height of the sheet at u of the active part of a scan."""
    w = (1 - u if scan.shape == "triangle" and number % 2 else u) - 0.5
    return scan.height_um * (w + scan.a2 * w**2 + scan.a3 * w**3)


def lay(event: Event, instrument: Instrument, channel: int, speed: float, start_tick: float, seen, value):
    """Lay every sample whose path, um, is `seen` at a y; returns the weighted mean `(z, y)` and where it is known."""
    scan, n, pixel = instrument.light_sheet.scan, instrument.grid.size_px, instrument.grid.pixel_um
    period, origin = event.clock.period_ticks, event.clock.origin_tick
    delay = instrument.channels[channel].delay_s * instrument.sample_rate_hz
    half_y = max(1.0, speed * period / pixel)
    total, weight = np.zeros((n, n)), np.zeros((n, n))
    for m, count in enumerate(event.window[:, channel].tolist()):
        tick = event.window_tick + m - delay
        y = seen(speed * (tick - start_tick))
        if y is None or abs(y) > n * pixel / 2 + half_y * pixel:
            continue
        number = math.floor((tick - origin) / period)
        into = tick - origin - number * period
        if into / period >= scan.active_duty:
            continue
        row = height_um(scan, number, into / period / scan.active_duty) / pixel + n / 2 - 0.5
        col = y / pixel + n / 2 - 0.5
        for i in (math.floor(row), math.floor(row) + 1):
            for j in range(math.floor(col - half_y), math.ceil(col + half_y) + 1):
                w = max(0.0, 1 - abs(i - row)) * max(0.0, 1 - abs(j - col) / half_y)
                if 0 <= i < n and 0 <= j < n:
                    total[i, j] += w * value(count, int(into * BINS_PER_TICK))
                    weight[i, j] += w
    return total / np.maximum(weight, 1e-30), weight > 1e-4


def transmission(event: Event, instrument: Instrument, channel: int, slit_y: float, speed: float, start_tick: float):
    """The transmission `(z, y)`, relative to the empty beam."""
    level = event.background.level[channel].astype(float)
    mean, known = lay(
        event, instrument, channel, speed, start_tick,
        lambda path: slit_y - path, lambda count, b: count / max(level[min(b, level.size - 1)], 1.0),
    )  # fmt: skip
    return np.where(known, mean, 1.0)


def planes(event: Event, instrument: Instrument, channel: int, efficiency, speed: float, start_tick: float):
    """The planes of the pinholes `(n_pinholes, z, y)`, counts above background at full efficiency."""
    level = event.background.level[channel].astype(float)
    places = instrument.light_sheet.mask.y_um
    last = level.size - 1

    def plane(i: int) -> np.ndarray:
        def seen(path: float) -> float | None:
            return places[i] - path if min(places, key=lambda y: abs(y - path)) == places[i] else None

        mean, known = lay(
            event, instrument, channel, speed, start_tick,
            seen, lambda count, b: (count - level[min(b, last)]) / float(efficiency[min(b, last)]),
        )  # fmt: skip
        return np.where(known, mean, 0.0)

    return np.array([plane(i) for i in range(len(places))])


def stacked(parts: np.ndarray, instrument: Instrument) -> np.ndarray:
    """The volume `(z, y, x)` of the planes `(n_pinholes, z, y)`."""
    n, pixel = instrument.grid.size_px, instrument.grid.pixel_um
    known = sorted(zip(instrument.light_sheet.mask.x_um, parts, strict=True), key=lambda pair: pair[0])
    x_um = [x for x, _ in known]
    volume = np.zeros((n, n, n))
    for k in range(n):
        x = (k + 0.5 - n / 2) * pixel
        if x < x_um[0] - (x_um[1] - x_um[0]) / 2 or x > x_um[-1] + (x_um[-1] - x_um[-2]) / 2:
            continue
        for z in range(n):
            for y in range(n):
                volume[z, y, k] = np.interp(x, x_um, [part[z, y] for _, part in known])
    return volume


def energy(event: Event, instrument: Instrument, channel: int, efficiency, first_scan: int, n_scans: int):
    """Mean side light of each scan `(n_scans,)`."""
    level, period = event.background.level[channel].astype(float), event.clock.period_ticks
    delay = instrument.channels[channel].delay_s * instrument.sample_rate_hz
    light, full = np.zeros(n_scans), np.zeros(n_scans)
    for m, count in enumerate(event.window[:, channel].tolist()):
        turn = (event.window_tick + m - delay - event.clock.origin_tick) / period
        n, phase = math.floor(turn) - first_scan, turn % 1.0
        if 0 <= n < n_scans and phase < instrument.light_sheet.scan.active_duty:
            b = min(int(phase * period * BINS_PER_TICK), level.size - 1)
            light[n] += count - level[b]
            full[n] += efficiency[b]
    return np.where(full > 0, light / np.maximum(full, 1e-30), 0.0)
