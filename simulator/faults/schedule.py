"""When a fault happens."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a fault happens, counted on the sample clock from the start of the stream.

    A fault happens with a block of the wrapped source, so its place depends on how that source cuts its blocks; a
    source that is asked for blocks of a fixed size gives the same faults every time. With none of the three, it
    happens with every block.

    Attributes
    ----------
    rate
        Probability that it happens with a block.
    at_s
        It happens once, with the block in which this time lies.
    every_s
        It happens with each block in which a multiple of this time lies.
    """

    rate: float | None = None
    at_s: float | None = None
    every_s: float | None = None

    def fires(self, from_s: float, to_s: float, draw: float) -> bool:
        """Return whether the fault happens with the block that covers `[from_s, to_s)`.

        Parameters
        ----------
        from_s, to_s
            Time since the start at the end of the block before, and at the end of this one.
        draw
            A number that is uniform in [0, 1), one for every block.
        """
        if self.rate is not None:
            return draw < self.rate
        if self.at_s is not None:
            return from_s <= self.at_s < to_s
        if self.every_s is not None:
            return math.ceil(to_s / self.every_s) > max(1, math.ceil(from_s / self.every_s))
        return True
