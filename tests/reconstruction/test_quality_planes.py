"""Two cells in one window spoil each other's planes: both must be flagged, and the spoiled planes be named."""

import numpy as np
import pytest

from acquisition.event import EventFlag
from reconstruction.light_sheet.planes import (
    Passage,
    as_columns,
    contaminated_planes,
    lost_planes,
    plane_columns,
    planes_of,
)
from reconstruction.transform import transform_for

MASK_Y_UM = 20.0 * np.arange(1, 21)
REACH_UM = 5.0
LARGEST_REACH_UM = 15.0


def passage(start_um: float, error: float = 0.0) -> Passage:
    """A cell at one micrometre a tick, so that ticks are micrometres."""
    return Passage(start_um, 1.0, error, REACH_UM)


@pytest.mark.parametrize("behind_um, spoiled", [
    (60.0, range(3, 20)),  # three pitches: both before a pinhole at once, wherever the first has such a partner
    (70.0, ()),  # three and a half: always one between two pinholes
    (400.0, ()),
    (0.0, range(20)),
])  # fmt: skip
def test_the_planes_of_a_leading_cell_follow_from_the_distance(behind_um, spoiled):
    hit = contaminated_planes(passage(0.0), [passage(behind_um)], MASK_Y_UM)
    assert np.flatnonzero(hit).tolist() == list(spoiled)


def test_an_uncertain_speed_spoils_more_planes_never_fewer():
    sure = contaminated_planes(passage(0.0), [passage(70.0)], MASK_Y_UM)
    unsure = contaminated_planes(passage(0.0), [passage(70.0, error=0.05)], MASK_Y_UM)
    assert not sure.any() and unsure.any()


def test_planes_beyond_the_window_are_lost():
    lost = lost_planes(passage(0.0), 25.0, 300, MASK_Y_UM)
    assert np.flatnonzero(lost).tolist() == [0, 16, 17, 18, 19]  # 20 - 5 < 25 and 340 + 5 > 325


def test_a_set_of_planes_survives_single_precision():
    planes = np.random.default_rng(3).random(60) < 0.5
    columns = as_columns("lost_planes", planes)
    assert tuple(columns) == plane_columns("lost_planes", 60) == ("lost_planes", "lost_planes_24", "lost_planes_48")
    found = [24 * k + i for k, value in enumerate(columns.values()) for i in planes_of(float(np.float32(value)))]
    assert found == np.flatnonzero(planes).tolist()


def test_cells_that_share_a_window_are_flagged_and_their_spoiled_planes_are_named(sheet):
    """Simulated: truth knows when each cell was before which pinhole."""
    events, truth = sheet.events(), sheet.truth
    named = transform_for(sheet.instrument).images(events).features["contaminated_planes"]
    mask_y = np.array(sheet.instrument.light_sheet.mask.y_um)
    whole = np.asarray(truth["is_cell"], dtype=bool)
    ticks, diameters = (np.asarray(truth[name], dtype=float)[whole] for name in ("tick", "diameter_um"))
    speeds = np.asarray(truth["speed_m_s"], dtype=float)[whole] * 1e6 / sheet.instrument.sample_rate_hz
    cells = [Passage(t, v, 0.0, d / 2 + 1.0) for t, v, d in zip(ticks, speeds, diameters, strict=True)]
    found = np.array([event.trigger_tick for event in events])
    shared, spoiled, known = 0, 0, 0
    for i, cell in enumerate(cells):
        k = int(np.argmin(abs(found - cell.start_tick)))
        # Two cells in one trigger are one event, which has bodies instead of neighbours.
        alone = np.sum(abs(ticks - cell.start_tick) * cell.um_per_tick < LARGEST_REACH_UM) == 1
        true = contaminated_planes(cell, cells[:i] + cells[i + 1 :], mask_y)
        if not true.any() or not alone:
            continue
        shared += 1
        assert events[k].flags & EventFlag.OVERLAP and events[k].neighbours
        spoiled += int(true.sum())
        known += int(true[planes_of(float(named[k]))].sum())
    assert shared >= 5
    # A plane that the other cell only just reaches may be missed.
    assert known >= 0.98 * spoiled
    for event, planes in zip(events, named, strict=True):
        assert event.neighbours or planes == 0


def test_neighbours_know_each_other(sheet):
    events = sheet.events()
    ticks = {round(event.trigger_tick) for event in events}
    for event in events:
        for tick, length in event.neighbours:
            assert round(tick) in ticks and length > 0
            other = next(e for e in events if round(e.trigger_tick) == round(tick))
            assert round(event.trigger_tick) in {round(t) for t, _ in other.neighbours}
