"""After a gap, or a slip that nobody told of, the clock is found again at once, and no event is silently wrong."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.block import UNKNOWN_LOSS, Block, Samples
from acquisition.detection import detector_for
from acquisition.event import Event, EventFlag
from acquisition.instrument import Instrument
from acquisition.presets import instrument_preset

PRESETS = ("sheet-ci", "stretch-ci", "atom-real")


@dataclass(frozen=True)
class Made:
    """A made-up stream: light with a shape of its own in every period, and bodies that dim some of it."""

    instrument: Instrument
    samples: Samples
    period: float
    origin: float
    bodies: tuple[float, ...]


def made(preset: str, n_periods: int, bodies: tuple[float, ...] = (), seed: int = 0, ppm: float = 0.0) -> Made:
    """Make a stream whose clock is `ppm` off; `bodies` are their centres, in periods."""
    instrument = instrument_preset(preset)
    optics, rng = instrument.optics, np.random.default_rng(seed)
    rate_hz = optics.line_rate_hz if optics.kind == "time_stretch" else optics.scan.rate_hz
    period = instrument.sample_rate_hz / rate_hz * (1 + ppm * 1e-6)
    origin = float(rng.uniform(0, period))
    ticks = np.arange(int(n_periods * period))
    turns = (ticks - origin) / period
    phase = turns % 1.0
    if instrument.kind == "light_sheet":
        light = 1200.0 * np.clip((0.9 - phase) * period, 0, 1) * np.clip(phase * period, 0, 1)
        light *= 1.0 - 0.2 * (2 * phase / 0.9 - 1) ** 2
        noise = 20.0
    else:
        place = phase * period - 40.0
        light = 90.0 * np.exp(-0.5 * (place / 7.0) ** 2) + 40.0 * np.exp(-0.5 * ((place - 12.0) / 2.0) ** 2)
        noise = 1.0
    half = 4.0 / (instrument.flow_speed_m_s * 1e6 / rate_hz)
    for centre in bodies:
        light[np.abs(turns - centre) < half] *= 0.55
    light += noise * rng.standard_normal(ticks.size, dtype=np.float32)
    columns = [light] + [rng.standard_normal(ticks.size, dtype=np.float32) for _ in instrument.channels[1:]]
    samples = np.stack(columns, axis=1).round().astype(instrument.digitizer.dtype)
    return Made(instrument, samples, period, origin, bodies)


def away(stream: Made, origin_tick: float, lost: int = 0) -> float:
    """How far a clock is from the stream's own, ticks, after `lost` samples that have no ticks."""
    turns = (origin_tick + lost - stream.origin) / stream.period
    return abs(turns - round(turns)) * stream.period


def events_of(stream: Made, blocks: list[Block]) -> list[Event]:
    detector = detector_for(stream.instrument)
    return [event for block in blocks for event in detector.push(block)] + detector.flush()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("lost", [1, 37, 5003])
def test_the_clock_is_found_again_in_five_scans_or_a_thousand_lines(preset: str, lost: int) -> None:
    stream = made(preset, 5000, seed=lost)
    detector = detector_for(stream.instrument)
    half = stream.samples.shape[0] // 2
    detector.push(Block(stream.samples[:half], 0))
    assert detector.clock is not None
    # All the shapes start a little into the period that the detector's anchor is for.
    usual = away(stream, detector.clock.origin_tick)
    allowed = 5 if stream.instrument.kind == "light_sheet" else 1000
    rest = stream.samples[half + lost : half + lost + int((allowed + 1) * stream.period) + 40]
    detector.push(Block(rest, half + 11, lost_before=UNKNOWN_LOSS))
    assert detector.clock.origin_tick < half + 11 + 2 * stream.period or stream.instrument.kind == "time_stretch"
    found = away(stream, detector.clock.origin_tick, lost - 11)
    assert min(abs(found - usual), stream.period - abs(found - usual)) < 0.15
    assert detector.clock.locked


@pytest.mark.parametrize("preset", PRESETS)
def test_a_slip_that_nobody_told_of_is_found_and_events_there_are_unlocked(preset: str) -> None:
    bodies = (2600.0, 9000.0) if preset == "atom-real" else (2600.0, 5200.0)
    stream = made(preset, int(bodies[-1]) + 1600, bodies, seed=3)
    slip = int(sum(bodies) / 2 * stream.period)
    samples = np.concatenate([stream.samples[:slip], stream.samples[slip + 41 :]])
    events = events_of(stream, [Block(samples, 0)])
    assert len(events) >= 2
    for centre, gone in zip(bodies, (0, 41), strict=True):
        tick = stream.origin + centre * stream.period - gone
        (mine,) = [event for event in events if abs(event.trigger_tick - tick) < 20 * stream.period]
        assert mine.clock.locked
        assert not mine.flags & EventFlag.UNLOCKED
    assert [event.trigger_tick for event in events] == sorted(event.trigger_tick for event in events)
    others = [event for event in events if min(abs(event.trigger_tick - stream.period * b) for b in bodies) > 41_000]
    assert all(event.flags & EventFlag.UNLOCKED for event in others)


@pytest.mark.parametrize("preset", ["sheet-ci", "stretch-ci"])
def test_a_clock_off_by_parts_in_a_hundred_thousand_stays_locked(preset: str) -> None:
    stream = made(preset, 8000, (5000.0,), ppm=12.0)
    detector = detector_for(stream.instrument)
    events = detector.push(Block(stream.samples, 0)) + detector.flush()
    assert [bool(event.flags) for event in events] == [False]
    assert detector.clock is not None and detector.clock.locked
    assert abs(detector.clock.period_ticks - stream.period) < 2e-4


def chopped(stream: Made, cuts: list[int], gaps: dict[int, int]) -> list[Block]:
    """The stream in blocks; `gaps` lose samples, of a number that is not told where they begin at an odd one."""
    edges = sorted({0, stream.samples.shape[0], *cuts, *gaps, *(at + n for at, n in gaps.items())})
    blocks, lost = [], 0
    for start, stop in itertools.pairwise(edges):
        within = [at for at, n in gaps.items() if at <= start < at + n]
        if within:
            lost = UNKNOWN_LOSS if lost < 0 or min(within) % 2 else lost + stop - start
        else:
            blocks.append(Block(stream.samples[start:stop], start, lost_before=lost))
            lost = 0
    return blocks


def described(event: Event) -> tuple[object, ...]:
    """All of an event but its arrays."""
    place = (event.event_id, event.trigger_tick, event.duration_ticks, event.window_tick)
    return (*place, event.clock, event.strength, event.flags, event.bodies)


@pytest.mark.parametrize("preset", ["sheet-ci", "stretch-ci"])
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_random_streams_give_the_same_events_however_they_are_cut(preset: str, data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 1000))
    bodies = tuple(data.draw(st.lists(st.floats(100, 4900), max_size=8)))
    stream = made(preset, 5000, bodies, seed)
    n = stream.samples.shape[0]
    gaps = {data.draw(st.integers(0, n - 6000)): data.draw(st.integers(1, 5000)) for _ in range(2)}
    whole = events_of(stream, chopped(stream, [], gaps))
    cut = events_of(stream, chopped(stream, data.draw(st.lists(st.integers(0, n), max_size=60)), gaps))
    assert len(whole) == len(cut)
    for a, b in zip(whole, cut, strict=True):
        assert described(a) == described(b)
        np.testing.assert_array_equal(a.window, b.window)
        np.testing.assert_array_equal(a.background.level, b.background.level)
