"""What readers of foreign files share whose samples lie interleaved in one place of one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from acquisition.block import Samples
from acquisition.errors import TraceError
from acquisition.importers.foreign import Contents, signed_counts
from acquisition.importers.stored import StoredSamples


class FlatFile:
    """A foreign file whose samples are read as they lie.

    Parameters
    ----------
    path
        The file that was named.
    stored
        Its samples, open; closed again where the contents cannot be described.
    describe
        Makes the contents.

    Raises
    ------
    TraceError
        As `describe` does.
    """

    def __init__(self, path: Path, stored: StoredSamples, describe: Callable[[], Contents]) -> None:
        self._path = path
        self._stored = stored
        try:
            self._contents = describe()
        except TraceError:
            stored.close()
            raise

    @property
    def contents(self) -> Contents:
        """What the file, or what lies beside it, says."""
        return self._contents

    def read(self, start_row: int, n_samples: int) -> Samples:
        """Return `(n, n_channels)` signed counts from a row on.

        Raises
        ------
        TraceError
            If the file was cut short meanwhile, or its samples exceed the stated bits.
        """
        return signed_counts(self._stored.read(start_row, n_samples), self._contents.bits, self._path)

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._stored.close()
