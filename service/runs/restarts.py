"""Whether a digitizer that overran is worth another start."""

from __future__ import annotations

from acquisition.errors import Overrun

MOST_AT_ONCE = 5
"""Starts in a row that may bring less than a second of samples each."""


class Restarts:
    """Counts the starts of a run after overruns, and says when to give up.

    One overrun is an accident of the computer, which the next start gets past. Overruns that follow each other within
    a second of samples have a cause that stays, and a run of nothing but gaps is worth less than a sentence.

    Parameters
    ----------
    most
        Starts in all; None for no limit of that kind.
    second
        Samples per channel in a second.
    """

    def __init__(self, most: int | None, second: float) -> None:
        self._most = most
        self._second = second
        self._count = 0
        self._at_once = 0
        self._samples = 0

    def samples(self, count: int) -> None:
        """Enter samples per channel that came."""
        self._samples += count

    def refusal(self, overrun: Overrun) -> str | None:
        """Return why there is no other start after this overrun; None if there is one."""
        if self._most is not None and self._count >= self._most:
            return str(overrun)
        self._at_once = 0 if self._samples >= self._second else self._at_once + 1
        if self._at_once > MOST_AT_ONCE:
            return (
                f"The digitizer overran {self._at_once} times in a row, each within a second of samples; take other "
                f"work off this computer, or lower the sample rate ({str(overrun).rstrip('.')})."
            )
        self._count += 1
        self._samples = 0
        return None
