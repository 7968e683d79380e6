"""When losses begin and end, so that a log tells of each once, however many samples or events it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.run import Ledger

QUIET_S = 2.0
"""A loss that has not grown for so long is over."""

_COUNTED = ("samples_lost", "unrecorded", "losses_of_unknown_size")


@dataclass(frozen=True)
class Loss:
    """A loss that began, or is over.

    Attributes
    ----------
    over
        False at its beginning.
    counts
        How much was lost, by kind, so far.
    """

    over: bool
    counts: Mapping[str, int]


class LossWatch:
    """Looks at a ledger as it grows; times are of `time.monotonic`."""

    def __init__(self) -> None:
        self._before = _lost(Ledger())
        self._last = self._before
        self._grew_s: float | None = None

    def look(self, ledger: Ledger, now_s: float) -> Loss | None:
        """Return a loss that began or ended since the last look; call it often."""
        lost = _lost(ledger)
        if any(count > self._last.get(kind, 0) for kind, count in lost.items()):
            began = self._grew_s is None
            self._before = self._last if began else self._before
            self._last, self._grew_s = lost, now_s
            return Loss(False, self._counts()) if began else None
        self._last = lost
        return self.end() if self._grew_s is not None and now_s - self._grew_s > QUIET_S else None

    def end(self) -> Loss | None:
        """Return the loss that there still is, as nothing more comes."""
        if self._grew_s is None:
            return None
        self._grew_s = None
        return Loss(True, self._counts())

    def _counts(self) -> dict[str, int]:
        grown = {kind: count - self._before.get(kind, 0) for kind, count in self._last.items()}
        return {kind: count for kind, count in grown.items() if count > 0}


def _lost(ledger: Ledger) -> dict[str, int]:
    counted = {name: int(getattr(ledger, name)) for name in _COUNTED}
    return counted | {f"events_{reason}": count for reason, count in ledger.dropped.items()}
