"""Who has the controls: one person at a time, for some minutes, as long as they use them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import timedelta

from service.clock import utc
from service.errors import OperatorHolds
from service.status import OperatorStatus


@dataclass(frozen=True)
class _Held:
    token: str
    name: str
    seconds: float
    until_s: float

    def status(self) -> OperatorStatus:
        left_s = self.until_s - time.monotonic()
        until = utc() + timedelta(seconds=left_s)
        text = until.isoformat(timespec="seconds").replace("+00:00", "Z")
        return OperatorStatus(name=self.name, token=self.token, until=text, left_s=max(0.0, left_s))


class OperatorLock:
    """Holds the controls for one token, from any thread; a restart gives them back.

    States: free -> `take` -> held -> (`give_back`, or the time is over) -> free; `take` with `from_others` from one
    holder to the next. While it is free, everybody whose token may control does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: _Held | None = None

    def take(self, token: str, name: str, minutes: float, *, from_others: bool = False) -> OperatorStatus | None:
        """Take the controls, or go on holding them; return who they were taken from, None if from nobody.

        Parameters
        ----------
        token
            Name of the token that asks.
        name
            What people call who holds them.
        minutes
            How long they are held after the last thing that was done with them.
        from_others
            Take them also from somebody who holds them.

        Raises
        ------
        OperatorHolds
            If another token holds them, and they are not to be taken.
        """
        with self._lock:
            before = self._holder()
            if before is not None and before.token == token:
                before = None
            if before is not None and not from_others:
                raise OperatorHolds(_refusal(before))
            self._held = _Held(token, name, 60.0 * minutes, time.monotonic() + 60.0 * minutes)
            return None if before is None else before.status()

    def use(self, token: str) -> None:
        """Let who holds the controls do something, and hold them on; raises `OperatorHolds` for others."""
        with self._lock:
            held = self._holder()
            if held is None:
                return
            if held.token != token:
                raise OperatorHolds(_refusal(held))
            self._held = _Held(held.token, held.name, held.seconds, time.monotonic() + held.seconds)

    def give_back(self, token: str) -> None:
        """Let the controls go; nothing to do if nobody holds them. Raises `OperatorHolds` if another token does."""
        with self._lock:
            held = self._holder()
            if held is not None and held.token != token:
                raise OperatorHolds(_refusal(held))
            self._held = None

    def status(self) -> OperatorStatus | None:
        """Return who holds the controls; None for nobody."""
        with self._lock:
            held = self._holder()
            return None if held is None else held.status()

    def _holder(self) -> _Held | None:
        if self._held is not None and time.monotonic() >= self._held.until_s:
            self._held = None
        return self._held


def _refusal(held: _Held) -> str:
    status = held.status()
    return (
        f"{status.name} (token '{status.token}') has the controls until {status.until}; ask them, wait, or take over "
        "with PUT /api/v1/operator?take=true."
    )
