"""A user would judge two cells as one, or lose single ones as doublets, if any of this failed."""

import math

import numpy as np
import pytest

from acquisition.background import bins_of
from acquisition.bodies import Body, find_bodies
from acquisition.event import BINS_PER_TICK, Background, EventFlag
from acquisition.folding import PeriodGrid
from acquisition.instrument import Instrument
from acquisition.light_sheet import light_sheet_settings
from acquisition.presets import instrument_preset
from acquisition.settings import DetectionSettings
from acquisition.time_stretch import time_stretch_settings
from tests.conftest import whole_stream

LIGHT, NOISE = 100.0, 1.0
Disc = tuple[float, float, float]
"""Place along and across the field, and diameter, um."""


def settings_of(instrument: Instrument) -> DetectionSettings:
    return light_sheet_settings(instrument) if instrument.kind == "light_sheet" else time_stretch_settings(instrument)


def drawn(
    instrument: Instrument, discs: list[Disc], length_um: float = 24.0, seed: int = 0, middle: float = 1.1
) -> tuple[Body, ...]:
    """Draw bodies with dark rims, each period at its own brightness, and look for them."""
    settings = settings_of(instrument)
    period, n_periods = settings.nominal_period_ticks, round(length_um / settings.step_um)
    rng = np.random.default_rng(seed)
    tick = np.arange(math.ceil(n_periods * period))
    turn = tick / period
    along, phase = turn * settings.step_um, turn % 1.0
    across = (phase - settings.first_phase) * settings.period_um
    lit = (phase >= settings.first_phase) & (phase < settings.last_phase)
    values = np.full(tick.size, LIGHT)
    for y, x, diameter in discs:
        radius = np.hypot(along - y, across - x) / (diameter / 2)
        values[radius < 1] *= middle
        values[(radius < 1) & (radius > 0.8)] *= 0.6
    values *= 1.0 + 0.01 * rng.standard_normal(n_periods + 1)[np.floor(turn).astype(int)]
    samples = (np.where(lit, values, 0.0) + NOISE * rng.standard_normal(tick.size)).round().astype(np.int16)
    bins = (np.arange(bins_of(period)) + 0.5) / BINS_PER_TICK / period
    level = np.where((bins >= settings.first_phase) & (bins < settings.last_phase), LIGHT, 0.0).astype(np.float32)
    channels = len(instrument.channels)
    background = Background(
        np.tile(level, (channels, 1)),
        np.full(channels, NOISE, dtype=np.float32),
        np.zeros((channels, instrument.digitizer.interleave_cores), dtype=np.float32),
    )
    return find_bodies(samples, PeriodGrid(0, 0.0, period), n_periods, background, settings)


@pytest.fixture(params=["sheet-real", "sheet-ci", "stretch-ci", "atom-4g"])
def instrument(request: pytest.FixtureRequest) -> Instrument:
    return instrument_preset(request.param)


def test_a_single_cell_is_one_body_where_it_is_and_as_large_as_it_is(instrument):
    (body,) = drawn(instrument, [(12.0, 9.0, 9.0)])
    assert body.along_um == pytest.approx(12.0, abs=0.6)
    assert body.across_um == pytest.approx(9.0, abs=1.0)
    assert body.radius_um == pytest.approx(4.5, abs=0.6)


@pytest.mark.parametrize(
    "discs",
    [
        pytest.param([(6.0, 9.0, 7.0), (16.0, 9.0, 7.0)], id="behind each other, 3 um apart"),
        pytest.param([(6.0, 9.0, 9.0), (14.8, 9.0, 9.0)], id="touching along the flow"),
        pytest.param([(12.0, 4.8, 7.0), (12.0, 13.2, 7.0)], id="side by side in the field"),
        pytest.param([(10.0, 6.0, 7.0), (14.6, 11.0, 7.0)], id="touching aslant"),
        pytest.param([(7.0, 9.0, 10.0), (15.2, 9.0, 6.0)], id="a small one behind a large one"),
    ],
)
def test_two_cells_in_one_trigger_are_two_bodies(instrument, discs):
    found = drawn(instrument, discs)
    assert len(found) == 2
    for y, x, _ in discs:
        assert min(math.hypot(body.along_um - y, body.across_um - x) for body in found) < 1.5


@pytest.mark.parametrize("diameter", [6.0, 8.0, 12.0, 16.0])
def test_single_cells_of_any_size_are_never_several(instrument, diameter):
    for seed in range(20):
        assert len(drawn(instrument, [(12.0, 9.3, diameter)], seed=seed)) == 1


@pytest.mark.parametrize("middle", [0.7, 0.85])
@pytest.mark.parametrize("diameter", [12.0, 14.0])
def test_large_cells_with_an_evenly_dark_middle_are_one(instrument, diameter, middle):
    for seed in range(10):
        assert len(drawn(instrument, [(12.0, 9.3, diameter)], seed=seed, middle=middle)) == 1


def test_debris_beside_a_cell_does_not_make_it_a_pair(instrument):
    assert len(drawn(instrument, [(8.0, 9.0, 8.0), (17.0, 9.0, 2.5)])) == 1


def test_noise_alone_holds_no_body(instrument):
    assert not any(drawn(instrument, [], seed=seed) for seed in range(20))


def test_cells_that_come_as_one_trigger_are_flagged_and_counted():
    stream = whole_stream("sim:stretch-ci?cells=30&seed=6&rate=1500")
    per_um = stream.instrument.sample_rate_hz / (stream.instrument.flow_speed_m_s * 1e6)
    centres = np.asarray(stream.truth["tick"])
    events = stream.events()
    for event in events:
        assert event.bodies <= 1 or event.flags & EventFlag.OVERLAP
    inside = [centres[np.abs(centres - e.trigger_tick) < e.duration_ticks / 2] / per_um for e in events]
    apart = [e for e, ticks in zip(events, inside, strict=True) if ticks.size > 1 and np.ptp(ticks) > 9.0]
    alone = [e for e, ticks in zip(events, inside, strict=True) if ticks.size == 1]
    assert apart
    assert all(event.bodies > 1 for event in apart)
    assert all(event.bodies == 1 for event in alone)
