"""Following a run: whether it is over, what messages mean, and when a connection that broke is made again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from service.client.asks import path_of
from service.client.errors import ClientError

if TYPE_CHECKING:
    from websockets.frames import Close

    from service.run import Run

PROBLEM = 4000
"""Codes from here on are a problem's HTTP status behind it."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 5.0
LOOK_S = 0.5
"""Between two looks at a run."""


class Waiting:
    """Waits for the end of a run, at most `timeout_s` seconds; None for as long as it takes."""

    def __init__(self, timeout_s: float | None) -> None:
        self._deadline = None if timeout_s is None else time.monotonic() + timeout_s

    def over(self, run: Run) -> bool:
        """Tell whether a run is over; raises `ClientError` where it is not and the time is."""
        if run.state in ("done", "failed"):
            return True
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise ClientError(f"The run {run.id} is still {run.state}; wait longer, or stop it.")
        return False


@dataclass
class Watch:
    """Where somebody who watches is in a run; it stays while connections come and go.

    Attributes
    ----------
    after
        The event behind which the next message begins.
    ended
        Whether the run is over, and all of it was seen.
    failures
        Connections that broke since the last message.
    patience
        How many of them are borne.
    """

    run: Run | str
    after: int = 0
    where: str | None = None
    fields: Sequence[str] | None = None
    patience: int = 10
    ended: bool = False
    failures: int = 0

    @property
    def path(self) -> str:
        """The address to connect to, from here on."""
        wishes = {"after": self.after, "where": self.where, "fields": self.fields and ",".join(self.fields)}
        asked = urlencode({name: value for name, value in wishes.items() if value is not None})
        return f"{path_of(self.run, '/live')}?{asked}"

    def rows(self, text: str | bytes) -> Iterator[dict[str, Any]]:
        """Return the rows of a message, and move on behind each that is taken."""
        message = json.loads(text)
        self.failures = 0
        if message["type"] == "end":
            self.ended = True
            return
        for row in message["rows"]:
            self.after = row["event_id"]
            yield row
        self.after = message["next"]

    def wait_s(self, closed: Close | None) -> float:
        """Return after how many seconds to connect again.

        Parameters
        ----------
        closed
            What the service closed the connection with; None where it broke.

        Raises
        ------
        ClientError
            If the service said what is wrong, or it was not reached too often.
        """
        if closed is not None and closed.code >= PROBLEM:
            raise ClientError(closed.reason, closed.code - PROBLEM)
        self.failures += 1
        if self.failures > self.patience:
            raise ClientError("The service was not reached any more; see that it runs, and where.")
        return float(min(FIRST_WAIT_S * 2 ** (self.failures - 1), LONGEST_WAIT_S))
