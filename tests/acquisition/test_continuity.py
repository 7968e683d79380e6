"""Samples given twice are used once, and a source that contradicts itself is refused before it does harm."""

from __future__ import annotations

import numpy as np
import pytest

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.continuity import Continuity
from acquisition.errors import BadStream
from acquisition.presets import instrument_preset

SHEET = instrument_preset("sheet-ci")


def block(first: int, count: int, epoch: int = 0, lost: int = 0, dtype: type = np.int16, columns: int = 2) -> Block:
    return Block(np.full((count, columns), first, dtype), first, epoch, lost)


def test_blocks_in_order_pass_as_they_are():
    continuity = Continuity(SHEET)
    given = [
        block(0, 10),
        block(10, 5),
        block(20, 5, lost=5),
        block(25, 0),
        block(25, 5, lost=UNKNOWN_LOSS),
        block(0, 5, 1),
    ]
    assert all(continuity.admit(one) is one for one in given) and continuity.samples_repeated == 0


def test_what_comes_again_is_left_out_and_counted():
    continuity = Continuity(SHEET)
    given = [block(0, 10), block(15, 10, lost=5), block(15, 10, lost=5), block(20, 10), block(30, 5)]
    taken = [continuity.admit(one) for one in given]
    assert [(one.first_sample, one.n_samples, one.lost_before) for one in taken] == [
        (0, 10, 0),
        (15, 10, 5),
        (25, 0, 0),
        (25, 5, 0),
        (30, 5, 0),
    ]
    assert continuity.samples_repeated == 15


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (block(3, 10, 5), "clock went back from sample 30 of epoch 5 to sample 3 of epoch 5"),
        (block(40, 10, 4), "to sample 40 of epoch 4"),
        (block(30, 10, 5, dtype=np.uint16), "type uint16"),
        (block(30, 10, 5, columns=3), r"shape \(10, 3\)"),
    ],
)
def test_a_source_that_contradicts_itself_is_refused(wrong, sentence):
    continuity = Continuity(SHEET)
    continuity.admit(block(20, 10, 5))
    with pytest.raises(BadStream, match=sentence) as refused:
        continuity.admit(wrong)
    assert "\n" not in str(refused.value)
