"""What is made again from stored windows must be judged and measured as it was when the cell flowed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from acquisition.event import EventFlag
from acquisition.source import open_source
from reconstruction.images import CellImages
from reconstruction.transform import transform_for
from service.cli.collect import events_of
from service.store.events.window_store import WindowStore


def same(first: CellImages, second: CellImages) -> None:
    assert first.rejection == second.rejection
    np.testing.assert_array_equal(first.flags, second.flags)
    np.testing.assert_array_equal(first.speed_m_s, second.speed_m_s)
    for name, values in first.features.items():
        np.testing.assert_array_equal(values, second.features[name], err_msg=name)
    for name, stack in first.images.items():
        np.testing.assert_array_equal(stack, second.images[name])


def test_crowded_cells_are_judged_again_as_they_were(tmp_path: Path) -> None:
    with open_source("sim:sheet-ci?cells=24&rate=120&seed=11") as source:
        instrument, events = source.instrument, list(events_of(source))
    assert sum(bool(event.flags & EventFlag.OVERLAP) for event in events) >= 6
    assert sum(bool(event.neighbours) for event in events) >= 6
    store = WindowStore.create(tmp_path, instrument)
    for start in range(0, len(events), 5):
        store.append(events[start : start + 5])
    store.close()
    kept = WindowStore.open(tmp_path, instrument)
    again = [event for event in (kept.read(one.event_id) for one in events) if event is not None]
    kept.close()
    assert len(again) == len(events)
    transform = transform_for(instrument)
    live = transform.images(events)
    # Neighbours are what the spoiled planes are known by.
    assert np.count_nonzero(live.features["contaminated_planes"]) >= 3
    same(live, transform.images(again))
