"""A user would lose cells, or see different ones on replay, if any of this failed."""

import math
from dataclasses import replace
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acquisition import periodic
from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.clock import find_period, interleave_offsets
from acquisition.detection import detector_for
from acquisition.event import Background, ClockState, Event, EventFlag, window_phases
from acquisition.presets import instrument_preset
from acquisition.sightings import Sighting, new_sightings
from acquisition.stream_buffer import StreamBuffer
from acquisition.triggers import Trigger
from acquisition.windows import WindowCutter


def assert_same(ours: list[Event], theirs: list[Event]) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.event_id, a.epoch, a.trigger_tick, a.duration_ticks, a.window_tick) == (
            b.event_id,
            b.epoch,
            b.trigger_tick,
            b.duration_ticks,
            b.window_tick,
        )
        assert (a.clock, a.strength, a.flags, a.bodies) == (b.clock, b.strength, b.flags, b.bodies)
        assert a.neighbours == b.neighbours
        np.testing.assert_array_equal(a.window, b.window)
        np.testing.assert_array_equal(a.background.level, b.background.level)


@pytest.mark.parametrize("kind", ["sheet", "stretch"])
def test_events_do_not_depend_on_how_the_stream_is_cut(kind, request):
    stream = request.getfixturevalue(kind)
    whole = stream.events()
    assert len(whole) > 5

    @settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.integers(0, stream.samples.shape[0]), max_size=200))
    def check(cuts):
        assert_same(stream.events(stream.blocks(cuts)), whole)

    check()


def test_an_event_is_given_out_with_the_last_sample_it_depends_on_not_with_the_end_of_a_frame(stretch):
    whole = [event for event in stretch.events() if not event.flags]
    detector = detector_for(stretch.instrument)
    rules, period = detector.settings, detector.settings.nominal_period_ticks
    reach = max(rules.window_after + 1, rules.overlap)
    ends = [round(event.trigger_tick + (reach + 2) * period) for event in whole]
    came = [[event.event_id for event in detector.push(block)] for block in stretch.blocks(ends)]
    assert len(whole) >= 5
    assert all(event.event_id in found for event, found in zip(whole, came[:-1], strict=True))


def test_more_triggers_than_there_is_room_for_change_no_event(stretch, monkeypatch):
    whole = stretch.events()
    room = periodic.new_progress

    def one_frame_of_room(frame, levels):
        return room(frame, levels)._replace(sightings=new_sightings(frame + 1, levels))

    monkeypatch.setattr(periodic, "new_progress", one_frame_of_room)
    assert_same(stretch.events(), whole)


@pytest.mark.parametrize("kind", ["sheet", "stretch"])
def test_every_cell_is_found_once_and_none_is_invented(kind, request):
    stream = request.getfixturevalue(kind)
    events = stream.events()
    ticks = np.array([event.trigger_tick for event in events])
    reach = np.array([event.duration_ticks for event in events])
    truth = np.asarray(stream.truth["tick"], dtype=np.float64)
    apart = np.abs(truth[:, None] - ticks[None, :]) < 0.5 * reach[None, :]
    assert apart.any(axis=1).all(), "a cell was missed"
    assert apart.any(axis=0).all(), "an event has no cell"
    assert [event.event_id for event in events] == list(range(1, len(events) + 1))


@pytest.mark.parametrize("kind", ["sheet", "stretch"])
def test_an_empty_stream_has_no_events(kind, request):
    stream = request.getfixturevalue(kind)
    first = int(np.min(stream.truth["tick"]))
    lead = 0.03 if kind == "sheet" else 0.002
    quiet = replace(stream, samples=stream.samples[: first - int(lead * stream.instrument.sample_rate_hz)])
    rng = np.random.default_rng(3)
    n = 3_000_000
    if quiet.samples.shape[0] < 100_000:
        period = stream.instrument.sample_rate_hz / (50e3 if kind == "sheet" else 290e3)
        phase = (np.arange(n) / period) % 1.0
        light = np.where(phase < 0.9, 1500.0, 45.0) if kind == "sheet" else np.where(phase < 0.23, 90.0, 0.0)
        noise = (40.0, 2.0) if kind == "sheet" else (1.0,)
        columns = [light + noise[0] * rng.standard_normal(n)] + [s * rng.standard_normal(n) for s in noise[1:]]
        quiet = replace(stream, samples=np.stack(columns, axis=1).round().astype(stream.samples.dtype))
    assert quiet.events() == []


def test_cells_that_share_their_windows_are_both_flagged(sheet):
    events = sheet.events()
    reach = 0.42e-3 / 0.05 * 1.1 * sheet.instrument.sample_rate_hz
    gaps = np.diff([event.trigger_tick for event in events])
    close = np.concatenate([[False], gaps < reach]) | np.concatenate([gaps < reach, [False]])
    flagged = np.array([bool(event.flags & EventFlag.OVERLAP) for event in events])
    assert close.any()
    assert not close.all()
    np.testing.assert_array_equal(flagged, close)


def test_only_the_window_that_another_cell_lies_in_is_shared(stretch):
    rules = detector_for(stretch.instrument).settings
    cutter = WindowCutter(rules, stretch.instrument.digitizer, EventFlag.TRUNCATED)
    buffer = StreamBuffer(0, 1, stretch.samples.dtype)
    buffer.append(np.zeros((round(2000 * rules.nominal_period_ticks), 1), stretch.samples.dtype))
    calibration = SimpleNamespace(clipped_share=np.zeros(1))
    clock = ClockState(rules.nominal_period_ticks, 0.0)
    background = Background(np.zeros((1, 2000), np.float32), np.ones(1, np.float32), np.zeros((1, 1), np.float32))
    # The first one ends late: it reaches into the field of the second, which begins beyond its own window.
    begin = math.ceil(500 + rules.window_after + 1)
    first, second = Trigger(499, 520, 500.0, 1.0), Trigger(begin, begin + 3, begin + 1.5, 1.0)
    cutter.add(Sighting(first, clock, 0, background, 1.0))
    (alone,) = cutter.complete(begin, buffer, calibration, 0, 1)
    cutter.add(Sighting(second, clock, 0, background, 1.0))
    (shared,) = cutter.complete(begin + 2000, buffer, calibration, 0, 2)
    assert not alone.flags and alone.neighbours == ()
    assert shared.flags == EventFlag.OVERLAP and shared.neighbours == ((alone.trigger_tick, alone.duration_ticks),)


def test_the_window_holds_all_the_light_of_its_cell(sheet):
    event = next(e for e in sheet.events() if not e.flags)
    turns = window_phases(event)
    np.testing.assert_array_equal(event.window[:, 0] > 300, turns % 1.0 < 0.9)
    start = event.window_tick
    np.testing.assert_array_equal(event.window, sheet.samples[start : start + event.window.shape[0]])


def test_a_lost_buffer_flags_the_events_that_it_cuts_and_no_others(sheet):
    whole = sheet.events()
    victim = next(e for e in whole[2:] if not e.flags)
    hole = int(victim.trigger_tick) + 20_000
    blocks = [Block(sheet.samples[:hole], 0), Block(sheet.samples[hole + 5_000 :], hole + 5_000, lost_before=5_000)]
    events = sheet.events(blocks)
    cut = [e for e in events if e.flags & EventFlag.GAP]
    assert [round(e.trigger_tick) for e in cut] == [round(victim.trigger_tick)]
    assert len(events) == len(whole)
    after = [e for e in events if e.trigger_tick > hole]
    assert all(e.clock.locked for e in after)


@pytest.mark.parametrize("change", [{"lost_before": UNKNOWN_LOSS}, {"epoch": 1}])
def test_after_a_loss_of_unknown_size_the_clock_is_found_again(sheet, change):
    half = sheet.samples.shape[0] // 2
    rest = Block(sheet.samples[half:], 17 if "epoch" in change else half + 40, **change)
    events = sheet.events([Block(sheet.samples[:half], 0), rest])
    later = [e for e in events if e.epoch == rest.epoch and e.window_tick >= rest.first_sample]
    assert later
    for event in later:
        bright = event.window[:, 0] > 300
        assert np.mean(bright == (window_phases(event) % 1.0 < 0.9)) > 0.97


def test_cells_cut_by_either_end_of_the_stream_say_so(sheet):
    whole = [e for e in sheet.events() if not e.flags]
    middle = whole[len(whole) // 2]
    samples = sheet.samples[int(middle.trigger_tick) - 200 : int(middle.trigger_tick) + 20_000]
    events = replace(sheet, samples=samples).events()
    assert any(e.flags & EventFlag.TRUNCATED for e in events)


@pytest.mark.parametrize("lines", [3, 20, 72, 300])
def test_a_recording_of_a_few_lines_is_searched_as_far_as_it_goes(stretch, lines):
    samples = stretch.samples[: int(lines * 344.83)]
    assert replace(stretch, samples=samples).events() == []


def test_a_bubble_is_one_long_event_and_does_not_hold_the_stream(sheet):
    samples = sheet.samples.copy()
    start = int(whole_quiet_place(sheet))
    samples[start : start + 60_000, 0] //= 2
    events = replace(sheet, samples=samples).events()
    inside = [e for e in events if start - 1000 <= e.trigger_tick <= start + 61_000]
    assert inside
    assert all(e.flags & EventFlag.LONG for e in inside)


def whole_quiet_place(stream) -> float:
    ticks = np.sort(np.asarray(stream.truth["tick"], dtype=np.float64))
    gaps = np.diff(ticks)
    k = int(np.argmax(gaps))
    assert gaps[k] > 150_000
    return ticks[k] + 60_000


def test_the_real_record_gives_its_published_period_and_one_droplet(atom_record):
    with h5py.File(atom_record) as file:
        raw = np.clip(file["raw"][...], -128, 127).astype(np.int8)
    instrument = instrument_preset("atom-real")
    offsets = interleave_offsets(raw, 4)
    published = np.array([0.06, -2.38, -0.34, -2.70])
    assert np.abs((offsets - offsets.mean()) - (published - published.mean())).max() < 0.1
    assert abs(find_period(raw, offsets, 275.0) - 275.5195) < 0.001
    half = raw.size // 2
    assert abs(find_period(raw[:half], offsets, 275.0) - 275.5195) < 0.002
    assert abs(find_period(raw[half:], np.roll(offsets, -half % 4), 275.0) - 275.5195) < 0.002
    detector = detector_for(instrument)
    events = detector.push(Block(raw[:, None], 0)) + detector.flush()
    assert len(events) == 1
    assert not events[0].flags
    assert 440 < events[0].duration_ticks / 275.5195 < 500
    assert detector.clock is not None
    assert abs(detector.clock.period_ticks - 275.5195) < 0.001
