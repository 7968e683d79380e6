"""How many samples a recorder was given, kept where a killed process leaves it behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from acquisition.counts_file import CountsFile, read_counts

_COUNTS = 2
"""Given and omitted."""


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
    """The tally of a recording under way, which a kill leaves behind; taken away by `close`.

    Raises
    ------
    OSError
        If the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self._file = CountsFile(path, _COUNTS)

    def note(self, tally: Tally) -> None:
        """Replace the counts."""
        self._file.note(tally.given, tally.omitted)

    def close(self) -> None:
        """Take the file away: the recording is closed, and says itself what it holds."""
        self._file.close()


def read_tally(path: Path) -> Tally | None:
    """Return the counts that a killed recorder left behind; None if it left none."""
    counts = read_counts(path, _COUNTS)
    return None if counts is None else Tally(*counts)
