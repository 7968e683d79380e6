"""Interleaved samples inside a file, read piece by piece."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.errors import TraceError


class StoredSamples:
    """Rows of equal length at one place of a file, open for reading.

    Read rather than mapped: a file that is cut short meanwhile is an error then, and not the end of the process.

    Parameters
    ----------
    path
        The file.
    dtype
        Of one row; the values of one sample, or a structure.
    offset_bytes
        Where the first row begins.
    n_rows
        None takes every whole row until `end_bytes`, or the end of the file.
    end_bytes
        Where the rows end at the latest; None is the end of the file.

    Raises
    ------
    TraceError
        If the file cannot be opened, or is shorter than that.
    """

    def __init__(
        self,
        path: Path,
        dtype: npt.DTypeLike,
        *,
        offset_bytes: int = 0,
        n_rows: int | None = None,
        end_bytes: int | None = None,
    ) -> None:
        self._path = path
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        """Of one row."""
        self._offset = offset_bytes
        try:
            size = path.stat().st_size if end_bytes is None else min(end_bytes, path.stat().st_size)
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise TraceError(f"The file '{path}' cannot be read: {error.strerror}; check its permissions.") from None
        there, self.bytes_left_out = divmod(max(0, size - offset_bytes), self.dtype.itemsize)
        """Bytes of an incomplete row at the end."""
        if n_rows is not None and there < n_rows:
            self._file.close()
            raise TraceError(
                f"The file '{path}' is cut short: {n_rows} samples are announced and {there} are there; copy it again."
            )
        self.n_rows = there if n_rows is None else n_rows
        """Rows that can be read."""

    def read(self, start_row: int, n_rows: int) -> npt.NDArray[Any]:
        """Return rows; fewer at the end.

        Raises
        ------
        TraceError
            If the file was cut short meanwhile, or the disk fails.
        """
        rows = np.empty(max(0, min(n_rows, self.n_rows - start_row)), self.dtype)
        target = rows.view(np.uint8).reshape(-1).data
        try:
            self._file.seek(self._offset + start_row * self.dtype.itemsize)
            done = 0
            while done < len(target):
                got = self._file.readinto(target[done:])
                if not got:
                    raise TraceError(f"The file '{self._path}' was cut short while it was read; copy it again.")
                done += got
        except (OSError, ValueError) as error:
            if isinstance(error, TraceError):
                raise
            raise TraceError(f"The file '{self._path}' is damaged at sample {start_row}: {error}.") from None
        return rows

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()


def interleaved(dtype: npt.DTypeLike, n_channels: int) -> np.dtype[Any]:
    """Return the type of one sample of every channel."""
    return np.dtype((np.dtype(dtype), (n_channels,)))
