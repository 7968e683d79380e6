"""The same transmission image and volume as the kernels make, with numpy's bincount and scipy's ndimage."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from acquisition.event import BINS_PER_TICK, Event
from acquisition.instrument import Instrument


def _laid(event: Event, instrument: Instrument, channel: int, values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Weighted means `(places, z, y)` of one channel, each sample at the nearest of `places` along the flow."""
    scan, n, pixel_um = instrument.light_sheet.scan, instrument.grid.size_px, instrument.grid.pixel_um
    um_per_tick = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
    delay = instrument.channels[channel].delay_s * instrument.sample_rate_hz
    ticks = event.window_tick + np.arange(event.window.shape[0]) - delay
    path = um_per_tick * (ticks - event.trigger_tick)
    pinhole = np.searchsorted(0.5 * (places[1:] + places[:-1]), path)
    phase = (ticks - event.clock.origin_tick) / event.clock.period_ticks % 1.0
    y = places[pinhole] - path
    half = um_per_tick * event.clock.period_ticks / pixel_um
    keep = (phase < scan.active_duty) & (np.abs(y) <= (0.5 * n + half) * pixel_um)
    w = phase[keep] / scan.active_duty - 0.5
    row = scan.height_um * (w + scan.a2 * w**2 + scan.a3 * w**3) / pixel_um + n / 2 - 0.5
    col = y[keep] / pixel_um + n / 2 - 0.5
    value, pinhole = values[keep], pinhole[keep]
    total, weight = np.zeros(places.size * n * n), np.zeros(places.size * n * n)
    for up in (0, 1):
        i = np.floor(row).astype(np.int64) + up
        for across in range(int(2 * half) + 1):
            j = np.ceil(col - half).astype(np.int64) + across
            share = (1 - np.abs(i - row)) * np.maximum(0.0, 1 - np.abs(j - col) / half)
            inside = (i >= 0) & (i < n) & (j >= 0) & (j < n)
            at = (pinhole[inside] * n + i[inside]) * n + j[inside]
            total += np.bincount(at, share[inside] * value[inside], total.size)
            weight += np.bincount(at, share[inside], total.size)
    return np.where(weight > 1e-4, total / np.maximum(weight, 1e-4), 0.0).reshape(-1, n, n)


def volume_by_scipy(event: Event, instrument: Instrument) -> tuple[np.ndarray, np.ndarray]:
    """Transmission `(z, y)` and side-scatter volume `(z, y, x)` of one event at nominal speed, float32."""
    n, pixel_um, mask = instrument.grid.size_px, instrument.grid.pixel_um, instrument.light_sheet.mask
    phase = (event.window_tick + np.arange(event.window.shape[0]) - event.clock.origin_tick) / event.clock.period_ticks
    late = instrument.channels[1].delay_s * instrument.sample_rate_hz / event.clock.period_ticks
    level = event.background.level
    efficiency = np.maximum(level[0] / level[0].max(), 0.05)
    scale = event.clock.period_ticks * BINS_PER_TICK
    forward = (phase % 1.0 * scale).astype(np.int64)
    side = ((phase - late) % 1.0 * scale).astype(np.int64)
    flat = _laid(event, instrument, 0, event.window[:, 0] / level[0][forward], np.zeros(1))[0]
    values = (event.window[:, 1] - level[1][side]) / efficiency[side]
    planes = _laid(event, instrument, 1, values, np.asarray(mask.y_um))
    step = mask.x_um[1] - mask.x_um[0]
    first = ((0.5 - n / 2) * pixel_um - mask.x_um[0]) / step
    volume = ndimage.affine_transform(
        planes.astype(np.float32), [pixel_um / step, 1, 1], [first, 0, 0], (n, n, n), order=1, mode="nearest"
    )
    return flat.astype(np.float32), np.ascontiguousarray(volume.transpose(1, 2, 0))
