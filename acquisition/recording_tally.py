"""How many samples a recorder was given, kept where a killed process leaves it behind."""

from __future__ import annotations

import mmap
import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_COUNTS = struct.Struct("<4Q")


@dataclass(frozen=True)
class Tally:
    """Samples per channel of a recording.

    Attributes
    ----------
    given
        Given to the recorder.
    omitted
        Left out by choice.
    """

    given: int = 0
    omitted: int = 0

    def missing(self, stored: int) -> int:
        """Return how many samples were neither left out by choice nor are among the `stored` ones."""
        return max(0, self.given - self.omitted - stored)


def tally_path(trace: Path) -> Path:
    """Return where the tally of the recording that begins with this file stands."""
    return trace.with_suffix(".tally")


class TallyFile:
    """A few bytes in memory that the operating system writes to a file also if this process is killed.

    The counts are written twice, so that a kill between two bytes is noticed. Taken away by `close`.

    Raises
    ------
    OSError
        If the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("wb+") as file:
            file.write(bytes(_COUNTS.size))
            file.flush()
            os.fsync(file.fileno())
            self._memory = mmap.mmap(file.fileno(), _COUNTS.size)

    def note(self, tally: Tally) -> None:
        """Replace the counts."""
        self._memory[:] = _COUNTS.pack(tally.given, tally.omitted, tally.given, tally.omitted)

    def close(self) -> None:
        """Take the file away: the recording is closed, and says itself what it holds."""
        self._memory.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def read_tally(path: Path) -> Tally | None:
    """Return the counts that a killed recorder left behind; None if it left none."""
    try:
        given, omitted, given_again, omitted_again = _COUNTS.unpack(path.read_bytes())
    except (OSError, struct.error):
        return None
    return Tally(max(given, given_again), min(omitted, omitted_again))
