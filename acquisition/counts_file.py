"""A few counts that a killed process leaves behind."""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

_CHECK = struct.Struct("<I")


class CountsFile:
    """Some whole numbers in memory that the operating system writes to a file also if this process is killed.

    They are written twice, each time with a checksum, so that whenever the kill comes, one of the two is whole.

    Parameters
    ----------
    path
        The file; one that is there is replaced.
    size
        How many numbers, of 64 bits without a sign; all 0 at first.

    Raises
    ------
    OSError
        If the file cannot be created.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._counts = _layout(size)
        self._half = self._counts.size + _CHECK.size
        with path.open("wb+") as file:
            file.write(2 * self._record([0] * size))
            file.flush()
            os.fsync(file.fileno())
            self._memory = mmap.mmap(file.fileno(), 2 * self._half)

    def note(self, *counts: int) -> None:
        """Replace the counts; takes about a microsecond."""
        record = self._record(counts)
        # One after the other, as nobody knows in which order the bytes of one assignment are copied.
        self._memory[: self._half] = record
        self._memory[self._half :] = record

    def close(self, *, keep: bool = False) -> None:
        """Take the file away, or leave it as a kill would."""
        self._memory.close()
        if not keep:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _record(self, counts: tuple[int, ...] | list[int]) -> bytes:
        packed = self._counts.pack(*counts)
        return packed + _CHECK.pack(zlib.crc32(packed))


def read_counts(path: Path, size: int) -> tuple[int, ...] | None:
    """Return the counts that a killed process left behind; None if it left none that can be read."""
    layout = _layout(size)
    half = layout.size + _CHECK.size
    try:
        content = path.read_bytes()
    except OSError:
        return None
    for record in (content[:half], content[half:]):
        if len(record) == half and _CHECK.unpack(record[layout.size :]) == (zlib.crc32(record[: layout.size]),):
            return layout.unpack(record[: layout.size])
    return None


def _layout(size: int) -> struct.Struct:
    return struct.Struct(f"<{size}Q")
