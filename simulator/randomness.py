"""Random numbers of a simulation: one stream for each purpose and item, the same in any order of use."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a random stream is for; each has a key of its own, so that one never shifts another."""

    ARRIVALS = 0
    CELLS = 1
    DETECTION = 2
    OPTICS = 3
    CONVERSION = 4
    CLOCK = 5
    DEBRIS = 6
    BUBBLES = 7
    FAULTS = 8
    LASER = 9
    BASELINE = 10
    PLACES = 11
    DEBRIS_ARRIVALS = 12
    BUBBLE_ARRIVALS = 13


def random_stream(seed: int, purpose: Purpose, index: int = 0) -> np.random.Generator:
    """Return the random numbers for one purpose and item (a cell, a frame)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, int(purpose), index))))
