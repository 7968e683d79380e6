"""Gratings finer than two samples of a line: which way to make images shows them, and which shows others instead.

`python -m benchmarks.grating` prints the table. A grating of light across the flow is sampled line by line, at the
true place of every sample, with the noise of the simulated converter. Between the limit of the optics, wavelength over
2 NA, and two samples, only the samples of several lines together can show it; one line shows a coarser one (aliasing).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from acquisition.event import BINS_PER_TICK, Background, ClockState, Event
from acquisition.instrument import Instrument
from acquisition.presets import instrument_preset
from benchmarks.page import table
from reconstruction.time_stretch.modes import LineMode
from reconstruction.time_stretch.pictures import LinePictures

LIGHT, NOISE, CONTRAST = 90.0, 0.9, 0.2
PERIODS_UM = (2.0, 1.6, 1.3, 1.1, 1.0)
RESHAPED = "reshape to whole samples"


def grating_event(instrument: Instrument, period_um: float, seed: int = 1) -> Event:
    """Return the event of a grating in the first view that fills the field, over lines of even light."""
    optics, grid = instrument.time_stretch, instrument.grid
    period = instrument.sample_rate_hz / optics.line_rate_hz
    um_per_tick = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
    ticks = np.arange(int(1.3 * grid.field_um / um_per_tick))
    after = ticks % period - 0.5 * period
    half = 0.5 * optics.views[0].width_samples
    wave = 1.0 + CONTRAST * np.cos(2 * np.pi * after * optics.um_per_sample / period_um)
    light = np.where(np.abs(after) < half, LIGHT * wave, 0.0)
    noise = np.random.default_rng(seed).normal(0, NOISE, ticks.size)
    window = np.clip(np.rint(light + noise), -128, 127).astype(np.int8)[:, None]
    bins = (np.arange(int(BINS_PER_TICK * (period + 2))) + 0.5) / BINS_PER_TICK - 0.5 * period
    level = np.where(np.abs(bins) < half, LIGHT, 0.0).astype(np.float32)[None]
    background = Background(level, np.full(1, NOISE, np.float32), np.zeros((1, 4), np.float32))
    return Event(1, 0, ticks.size / 2, 1.0, 0, window, ClockState(period, 0.0), background, 1.0)


def reshaped(event: Event, instrument: Instrument) -> np.ndarray:
    """Picture `(y, x)` of lines that are taken for so many whole samples long, those of a row averaged."""
    optics, grid = instrument.time_stretch, instrument.grid
    whole = round(event.clock.period_ticks)
    lines = event.window[: event.window.shape[0] // whole * whole, 0].reshape(-1, whole).astype(np.float64) / LIGHT
    um_per_line = instrument.flow_speed_m_s * 1e6 / optics.line_rate_hz
    axis = (np.arange(grid.size_px) + 0.5 - grid.size_px / 2) * grid.pixel_um
    place = event.trigger_tick / event.clock.period_ticks - axis / um_per_line
    half = 0.5 * grid.pixel_um / um_per_line
    means = [lines[int(np.ceil(at - half)) : int(np.ceil(at + half))].mean(axis=0) for at in place]
    columns = 0.5 * whole + axis / optics.um_per_sample
    return np.stack([np.interp(columns, np.arange(whole), mean) for mean in means])


def pictures(instrument: Instrument, event: Event) -> dict[str, np.ndarray]:
    """The picture of the first view by every way to make it."""
    found = {RESHAPED: reshaped(event, instrument)}
    for mode in (LineMode.SIMPLE, LineMode.LINE_INTERLEAVE, LineMode.FULL):
        made = LinePictures(instrument, mode)
        found[mode.value] = made.make([event], made.names[:1]).images[made.names[0]][0]
    return found


def share_of(picture: np.ndarray, instrument: Instrument, period_um: float) -> float:
    """Contrast of a picture at a period across the flow, against that of the grating."""
    grid = instrument.grid
    x_um = (np.arange(grid.size_px) + 0.5 - grid.size_px / 2) * grid.pixel_um
    window = np.hanning(grid.size_px)
    wave = np.exp(-2j * np.pi * x_um / period_um) * window / window.sum()
    # The grating stands still across the flow: what is not in step from row to row does not show it.
    return float(2 * abs(((picture - picture.mean()) @ wave).mean()) / CONTRAST)


def rest_of(picture: np.ndarray, instrument: Instrument, period_um: float) -> float:
    """Root mean square of what a picture shows beside the grating, against the grating's."""
    grid = instrument.grid
    x_um = (np.arange(grid.size_px) + 0.5 - grid.size_px / 2) * grid.pixel_um
    waves = np.stack([np.cos(2 * np.pi * x_um / period_um), np.sin(2 * np.pi * x_um / period_um), np.ones(x_um.size)])
    fitted = np.linalg.lstsq(waves.T, picture.mean(axis=0), rcond=None)[0] @ waves
    return float(np.sqrt(np.mean((picture - fitted) ** 2)) / (CONTRAST / np.sqrt(2)))


HEAD = ("grating, um", "samples a period", "image by", "contrast that is left", "everything else, rms")


def rows(preset: str = "atom-4g") -> Iterator[tuple[object, ...]]:
    """One row for every grating and way to make images."""
    instrument = instrument_preset(preset)
    for period_um in PERIODS_UM:
        event = grating_event(instrument, period_um)
        for name, picture in pictures(instrument, event).items():
            per_period = period_um / instrument.time_stretch.um_per_sample
            share, rest = share_of(picture, instrument, period_um), rest_of(picture, instrument, period_um)
            yield period_um, f"{per_period:.2f}", name, f"{share:.2f}", f"{rest:.2f}"


if __name__ == "__main__":
    print(table(HEAD, list(rows())))
