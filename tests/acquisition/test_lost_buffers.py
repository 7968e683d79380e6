"""A lost buffer would otherwise become a plausible image of a cell that was never there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.detection import detector_for
from acquisition.event import Event, EventFlag
from acquisition.periodic import PeriodicDetector


@dataclass(frozen=True)
class Stretch:
    """Samples without a gap: where they begin and end for the reader, and where they stand in the whole stream."""

    begin: int
    end: int
    place: int
    is_first: bool
    is_last: bool


def lose(stream, gaps: list[tuple[int, int, bool]]) -> tuple[list[Block], list[Stretch]]:
    """Cut `(place, samples, known)` out of a stream, each behind the one before."""
    blocks, stretches, kept, shift, lost = [], [], 0, 0, 0
    total = stream.samples.shape[0]
    for place, samples, known in [*sorted(gaps), (total, 0, True)]:
        stop = min(max(place, kept + 1), total)
        if stop > kept:
            # Two blocks each, so that a gap is not the only place where blocks end.
            middle = (kept + stop) // 2
            parts = [(a, b) for a, b in ((kept, middle), (middle, stop)) if b > a]
            blocks += [Block(stream.samples[a:b], a - shift, 0, lost if a == kept else 0) for a, b in parts]
            stretches.append(Stretch(kept - shift, stop - shift, kept, kept == 0, stop == total))
        kept = min(stop + samples, total)
        lost = samples if known else UNKNOWN_LOSS
        shift += 0 if known else kept - stop
    return blocks, stretches


def stretch_of(event: Event, stretches: list[Stretch]) -> Stretch:
    return next(one for one in reversed(stretches) if one.begin <= event.trigger_tick)


def is_cut(event: Event, before: float, after: float, stretch: Stretch) -> bool:
    """Whether a gap takes something of so many periods before and after the event."""
    period = event.clock.period_ticks
    early = event.trigger_tick - before * period < stretch.begin and not stretch.is_first
    late = event.trigger_tick + after * period > stretch.end and not stretch.is_last
    return early or late


@pytest.mark.parametrize("kind", ["sheet", "stretch"])
def test_a_gap_is_said_by_the_events_that_it_touches_and_by_no_others(kind, request):
    stream = request.getfixturevalue(kind)
    total = stream.samples.shape[0]
    detector = detector_for(stream.instrument)
    assert isinstance(detector, PeriodicDetector)
    s = detector.settings
    cells = [round(tick) for tick in np.sort(stream.truth["tick"]).tolist()]
    reach = round(s.window_after * s.nominal_period_ticks)
    near_a_cell = st.builds(
        lambda cell, by: min(max(cell + by, 1), total - 1), st.sampled_from(cells), st.integers(-reach, reach)
    )
    gap = st.tuples(near_a_cell | st.integers(1, total - 1), st.integers(1, 2 * reach), st.booleans())
    seen: set[bool] = set()

    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.lists(gap, min_size=1, max_size=3))
    @example([(cells[1] + 20, 500, True), (cells[-2], 500, False)])
    def check(gaps):
        blocks, stretches = lose(stream, gaps)
        for event in stream.events(blocks):
            stretch = stretch_of(event, stretches)
            flagged = bool(event.flags & EventFlag.GAP)
            seen.add(flagged)
            if is_cut(event, s.signal_before, s.signal_after, stretch):
                assert flagged, f"{gaps} took light of the event at {event.trigger_tick:.0f}, which does not say so"
            if not is_cut(event, s.window_before + s.longest, s.window_after + s.longest, stretch):
                assert not flagged, f"{gaps} are far from the event at {event.trigger_tick:.0f}, which says otherwise"
            # Whatever the flags say, a window never runs across a gap.
            first = event.window_tick - stretch.begin + stretch.place
            assert stretch.begin <= event.window_tick <= event.window_tick + len(event.window) <= stretch.end
            np.testing.assert_array_equal(event.window, stream.samples[first : first + len(event.window)])

    check()
    assert seen == {False, True}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("kind", ["sheet", "stretch"])
def test_a_gap_in_the_middle_of_a_cell_leaves_no_unflagged_piece_of_it(kind, known, request):
    stream = request.getfixturevalue(kind)
    whole = [event for event in stream.events() if not event.flags]
    for cell in whole[1:8:3]:
        half, size = cell.duration_ticks / 2, 40
        blocks, stretches = lose(stream, [(round(cell.trigger_tick) - size // 2, size, known)])
        begin, end = cell.trigger_tick - half, cell.trigger_tick + half
        for event in stream.events(blocks):
            stretch = stretch_of(event, stretches)
            place = event.trigger_tick - stretch.begin + stretch.place
            if begin <= place <= end:
                assert event.flags & EventFlag.GAP, f"a piece of the cell at {cell.trigger_tick:.0f} says nothing"


@pytest.mark.parametrize("kind", ["sheet", "stretch"])
def test_cells_away_from_a_gap_of_known_size_are_found_as_if_there_were_none(kind, request):
    stream = request.getfixturevalue(kind)
    whole = stream.events()
    s = detector_for(stream.instrument).settings  # type: ignore[attr-defined]
    # Between two cells, where only empty samples are lost.
    ticks = [event.trigger_tick for event in whole]
    widest = int(np.argmax(np.diff(ticks)))
    place = math.ceil(ticks[widest] + (s.window_after + s.longest) * s.nominal_period_ticks)
    room = math.floor(ticks[widest + 1] - (s.window_before + s.longest) * s.nominal_period_ticks) - place
    assert room > 0
    blocks, _ = lose(stream, [(place, room, True)])
    found = stream.events(blocks)
    assert [event.flags for event in found] == [event.flags for event in whole]
    np.testing.assert_allclose([event.trigger_tick for event in found], ticks, atol=2 * s.nominal_period_ticks)
