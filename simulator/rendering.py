"""Samples of a simulated instrument, piece by piece: light, then charge, then counts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from simulator.cells.levels import ImageLevel
from simulator.electronics.chain import Electronics
from simulator.optics.forward import Shadow, forward_model
from simulator.setup import Setup

Floats = npt.NDArray[np.float32]

FRAME_SAMPLES = 1 << 16
"""Samples made together; random numbers are drawn by frame, so this is part of what a seed means."""

LARGEST_REACH_UM = 64.0
"""Nothing that flows changes the light further than this from its centre."""


class Renderer:
    """Optics and electronics of a setup; frames are numbered from 0 and hold `FRAME_SAMPLES` each.

    Parameters
    ----------
    setup, seed, level
        As for `SimulatedStream`.
    loop_samples
        Length after which all but the cells repeats; None for a stream without end.
    """

    def __init__(self, setup: Setup, seed: int, level: ImageLevel, loop_samples: int | None = None) -> None:
        self.setup = setup
        self.model = forward_model(setup, seed, level, loop_samples)
        self._electronics = Electronics(setup, seed, loop_samples)

    def charge(self, frame: int, n: int, shadows: Iterable[Shadow]) -> Floats:
        """Return the charge of the first `n` samples of a frame, `(n, channels)`; any thread, any order."""
        first = frame * FRAME_SAMPLES
        light = np.empty((n, len(self.setup.detectors)), dtype=np.float32)
        self.model.empty(first, light)
        for shadow in shadows:
            shadow.lay(first, light)
        return self._electronics.detect(light, frame, first)

    def amplify(self, frame: int, charge: Floats) -> Floats:
        """Return what reaches the converter, `(n, channels)`; frames come in order, as amplifiers remember."""
        return self._electronics.amplify(charge, frame * FRAME_SAMPLES)

    def convert(self, frame: int, signal: Floats) -> Samples:
        """Return counts `(n, channels)`; any thread, any order."""
        return self._electronics.convert(signal, frame, frame * FRAME_SAMPLES)


def flow_span_um(setup: Setup) -> tuple[float, float]:
    """Return from where to where along the flow the instrument looks at a cell, um, its reach included."""
    places = [0.0]
    if setup.instrument.kind == "light_sheet":
        optics = setup.instrument.light_sheet
        places = [*optics.mask.y_um, *(slit.y_um for slit in optics.slits)]
    return min(places) - LARGEST_REACH_UM, max(places) + LARGEST_REACH_UM
