"""The fast kernels of the lines must show what the slow and obvious reference shows, whatever the clock and damage."""

from dataclasses import replace

import numpy as np
import pytest

from acquisition.event import BINS_PER_TICK, Background, ClockState, Event
from acquisition.instrument import Channel, ImageGrid, Instrument, LineView, Role
from acquisition.presets import instrument_preset
from reconstruction.time_stretch.modes import LineMode
from reconstruction.time_stretch.pictures import LinePictures
from tests.reconstruction.line_reference import Reference


def instrument(preset: str, size_px: int, **optics: object) -> Instrument:
    base = instrument_preset(preset)
    changed = base.time_stretch.model_copy(update=optics)
    return base.model_copy(update={"optics": changed, "grid": ImageGrid(size_px=size_px, pixel_um=0.25)})


BOTH = (LineView(name="a", width_samples=52.0), LineView(name="b", width_samples=52.0, delay_samples=200.0))
CASES = {
    "one view, wider than the field": instrument("stretch-ci", 12),
    "one view, narrower than the field": instrument("stretch-ci", 16, views=(LineView(width_samples=11.0),)),
    "five views": instrument("atom-4g", 12),
    "lines far apart": instrument("stretch-ci", 12, line_rate_hz=70e3, um_per_sample=0.1),
    "two channels": instrument("atom-4g", 12, views=BOTH).model_copy(
        update={"channels": (Channel(name="early", role=Role.LINE), Channel(name="late", role=Role.LINE))}
    ),
}


def made_event(made: Instrument, seed: int) -> Event:
    """An event of random light, with clipped samples, lines without a pulse, and lines with two."""
    rng = np.random.default_rng(seed)
    optics = made.time_stretch
    period = made.sample_rate_hz / optics.line_rate_hz * (1 + 3.7e-5)
    um_per_tick = made.flow_speed_m_s * 1e6 / made.sample_rate_hz
    lines = round(1.5 * made.grid.field_um / (um_per_tick * period)) + 24
    bins = BINS_PER_TICK * int(period * 1.01 + 1)
    phase = (np.arange(bins) + 0.5) / BINS_PER_TICK - 0.5 * period
    level = np.full((len(made.channels), bins), 1.5)
    for view in optics.views:
        away = np.abs((phase - view.delay_samples + 0.5 * period) % period - 0.5 * period) / view.width_samples
        level += rng.uniform(70, 90) * np.clip(3.0 * (0.5 - away), 0, 1)
    offsets = rng.normal(0, 1, (len(made.channels), 4)).astype(np.float32)
    background = Background(level.astype(np.float32), np.full(len(made.channels), 0.9, np.float32), offsets)
    window_tick, origin = 123_456_789, 123_456_789 - 77.3137
    ticks = window_tick + np.arange(round(lines * period))
    line = np.floor((ticks - origin) / period).astype(int)
    pulses = 1.0 + 0.02 * rng.standard_normal(line.max() + 1)
    pulses[lines // 3] = 0.0
    phases = np.minimum(((ticks - origin - line * period) * BINS_PER_TICK).astype(int), bins - 1)
    window = np.empty((ticks.size, len(made.channels)), np.int8)
    for c in range(len(made.channels)):
        light = level[c][phases] * pulses[line] * rng.normal(1.0, 0.03, ticks.size)
        second = line == lines // 2
        light[second] += 60.0
        counts = light + offsets[c][ticks % 4]
        counts[rng.random(ticks.size) < 0.003] = 127
        window[:, c] = np.clip(np.rint(counts), -128, 127)
    trigger = window_tick + (0.5 * lines + 0.37) * period
    clock = ClockState(period, origin)
    return Event(1, 0, trigger, 100.0, window_tick, window, clock, background, 1.0)


@pytest.mark.parametrize("mode", LineMode)
@pytest.mark.parametrize("case", CASES)
def test_pictures_equal_the_reference(case, mode):
    made = CASES[case]
    event = made_event(made, seed=len(case))
    pictures = LinePictures(made, mode)
    # Of five views the first, and the two that lie about the end of the clock's line.
    names = [pictures.names[k] for k in ((0, 2, 3) if len(pictures.names) == 5 else range(len(pictures.names)))]
    other = replace(event, trigger_tick=event.trigger_tick + 3.3 * event.clock.period_ticks)
    found = pictures.make([other, event], names)
    references = {column: Reference(event, made, column) for column in range(len(made.channels))}
    places = {view.name: view for reference in references.values() for view in reference.views}
    for name in names:
        view = places[name]
        true, unmet = references[view.column].picture(view, mode)
        np.testing.assert_allclose(found.images[name][1], true, rtol=0, atol=1e-5)
        assert found.missing[name][1] == unmet
        assert 0 < found.lines_share[name][1] < 0.2
