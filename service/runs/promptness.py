"""Keeping Python itself from holding up a run: its search for garbage, and its turns between threads."""

from __future__ import annotations

import gc
import sys

TURN_S = 0.0005
"""A thread that computes lets another one go on after so long: a cell passes from thread to thread six times."""


class Promptness:
    """Makes this process prompt from `begin` to `end`.

    Everything that exists when a run is armed, hundreds of thousands of objects, is left out of the search for garbage,
    which otherwise looks at all of them now and then and holds up every thread meanwhile.
    """

    def __init__(self) -> None:
        self._before_s: float | None = None

    def begin(self) -> None:
        """Look for garbage once more, and no longer among what there is now."""
        gc.collect()
        gc.freeze()
        self._before_s = sys.getswitchinterval()
        sys.setswitchinterval(TURN_S)

    def end(self) -> None:
        """Let everything be as before; may be called twice."""
        if self._before_s is not None:
            sys.setswitchinterval(self._before_s)
            gc.unfreeze()
            self._before_s = None
