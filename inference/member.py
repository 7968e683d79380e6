"""A worker that has joined: what it holds, and how long its batches take."""

from __future__ import annotations

from dataclasses import dataclass, field

_KNOWN_FOR_S = 5.0
"""How long a worker's pace is believed; then it is tried anew."""
_PACE_WEIGHT = 0.2
"""Of the newest batch in a worker's pace."""


@dataclass
class Member:
    """A worker that has joined.

    Attributes
    ----------
    name, provider, credit
        As it said in `Ready`; no credit while its model warms.
    holds
        Batches that it was given and has not answered, and when it was given them.
    windows
        Whether it can make images of raw windows itself.
    heard_s
        When it was last heard.
    answered
        Batches it answered first.
    pace_s, paced_s
        How long its batches were lately on their way, there and back; None before its first answer. And when that was
        seen.
    """

    name: str
    heard_s: float
    provider: str = ""
    credit: int = 0
    windows: bool = False
    holds: dict[int, float] = field(default_factory=dict)
    answered: int = 0
    pace_s: float | None = None
    paced_s: float = 0.0

    def put_down(self, batch: int, now_s: float) -> None:
        """Note that it answered a batch."""
        given_s = self.holds.pop(batch, None)
        if given_s is None:
            return
        took = now_s - given_s
        if self.pace_s is not None and now_s - self.paced_s < _KNOWN_FOR_S:
            took = _PACE_WEIGHT * took + (1.0 - _PACE_WEIGHT) * self.pace_s
        self.pace_s, self.paced_s = took, now_s

    def lately_s(self, now_s: float) -> float | None:
        """Return its pace, longer where what it holds has taken longer; None where too little is known."""
        waits = max((now_s - given_s for given_s in self.holds.values()), default=0.0)
        if self.pace_s is None or now_s - self.paced_s > _KNOWN_FOR_S:
            return waits or None
        return max(self.pace_s, waits)
