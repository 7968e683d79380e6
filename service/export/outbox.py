"""Streaming what libraries only write to files."""

from __future__ import annotations


class Outbox:
    """A file to write to whose content is taken out again: what libraries that write files are streamed with."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        """Take bytes."""
        piece = bytes(data)
        self._pieces.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._written

    def flush(self) -> None:
        """Do nothing; everything is there at once."""

    def close(self) -> None:
        """Take no more."""
        self.closed = True

    def readable(self) -> bool:
        """Tell that it is written only."""
        return False

    def writable(self) -> bool:
        """Tell that it is written."""
        return True

    def seekable(self) -> bool:
        """Tell that it only goes on."""
        return False

    def take(self) -> bytes:
        """Return what was written since it was last taken."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
