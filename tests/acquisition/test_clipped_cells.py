"""A cell that is too bright for the converter is named, however small a part of its window that is."""

import numpy as np
import pytest

from acquisition.block import Block
from acquisition.detection import detector_for
from acquisition.event import EventFlag


@pytest.mark.parametrize(("samples", "told"), [(8, False), (20, True)])
def test_a_few_samples_at_the_end_of_the_range_are_an_accident_and_more_are_a_cell_too_bright(sheet, samples, told):
    plain = next(event for event in sheet.events() if not event.flags)
    changed = sheet.samples.copy()
    middle = int(plain.window_tick) + plain.window.shape[0] // 2
    changed[middle : middle + samples, 1] = sheet.instrument.digitizer.highest
    detector = detector_for(sheet.instrument)
    events = detector.push(Block(changed, 0)) + detector.flush()
    same = next(event for event in events if event.event_id == plain.event_id)
    assert same.window_tick == plain.window_tick
    assert bool(same.flags & EventFlag.CLIPPED) is told
    assert np.count_nonzero(same.window[:, 1] == sheet.instrument.digitizer.highest) == samples
