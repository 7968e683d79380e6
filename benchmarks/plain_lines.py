"""A line event to its picture and its measures, as a laboratory writes it with numpy and scipy."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from acquisition.event import BINS_PER_TICK, Event
from acquisition.instrument import Instrument

SIGMAS, LEAST, FRAME = 5.0, 0.02, 10


def picture_by_numpy(event: Event, instrument: Instrument) -> np.ndarray:
    """The first view, `(y, x)`: lines over the empty one, drawn straight at the columns, then rows between lines."""
    grid, period, n = instrument.grid, event.clock.period_ticks, instrument.grid.size_px
    um_per_tick = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
    ticks = event.window_tick + np.arange(event.window.shape[0])
    line, after = np.divmod(ticks - event.clock.origin_tick, period)
    level = event.background.level[0]
    empty = level[np.minimum((after * BINS_PER_TICK).astype(int), level.size - 1)]
    light = event.window[:, 0] / np.maximum(empty, 1.0)
    places = (np.arange(n) + 0.5 - n / 2) * grid.pixel_um
    columns = 0.5 * period + places / instrument.time_stretch.um_per_sample
    half = 0.5 * grid.field_um / um_per_tick + period
    first, last = ((event.trigger_tick + side * half - event.clock.origin_tick) / period for side in (-1, 1))
    numbers = np.arange(math.floor(first), math.ceil(last))
    numbers = numbers[(numbers > line[0]) & (numbers < line[-1])]
    drawn = np.empty((numbers.size, n))
    for k, number in enumerate(numbers):
        start, stop = np.searchsorted(line, (number, number + 1))
        drawn[k] = np.interp(columns, after[start:stop], light[start:stop])
        drawn[k] /= np.median(drawn[k])
    middles = event.clock.origin_tick + (numbers + 0.5) * period
    rows = event.trigger_tick - places / um_per_tick
    return np.column_stack([np.interp(rows, middles, drawn[:, c]) for c in range(n)])


def measures_by_scipy(image: np.ndarray, pixel_um: float) -> dict[str, float]:
    """The object nearest the middle: area, place, axes and light; empty where there is none."""
    smooth = ndimage.uniform_filter(image, 3) - 1.0
    frame = np.ones(image.shape, bool)
    frame[FRAME:-FRAME, FRAME:-FRAME] = False
    noise = 1.4826 * np.median(np.abs(smooth[frame]))
    filled = ndimage.binary_fill_holes(np.abs(smooth) > max(SIGMAS * noise, LEAST))
    numbers, count = ndimage.label(filled)
    if count == 0:
        return {}
    rows, cols = np.nonzero(filled)
    nearest = np.argmin((rows - image.shape[0] / 2) ** 2 + (cols - image.shape[1] / 2) ** 2)
    inside = numbers == numbers[rows[nearest], cols[nearest]]
    rows, cols = np.nonzero(inside)
    values = image[inside]
    spread = np.linalg.eigvalsh(np.cov(rows, cols)) if rows.size > 1 else np.ones(2)
    slopes = np.hypot(ndimage.sobel(image, 0), ndimage.sobel(image, 1))[inside]
    low, high = np.percentile(values, (10, 90))
    return {
        "area_um2": rows.size * pixel_um**2,
        "row_um": rows.mean() * pixel_um,
        "col_um": cols.mean() * pixel_um,
        "axis_ratio": math.sqrt(spread[1] / max(spread[0], 1e-9)),
        "bright_avg": float(values.mean()),
        "bright_sd": float(values.std()),
        "bright_perc_10": float(low),
        "bright_perc_90": float(high),
        "sharpness": float(np.sqrt(np.mean(slopes**2))),
    }
