"""A temporary file that has no name and goes when nobody holds it any more, also where a process is killed."""

from __future__ import annotations

import tempfile
import weakref

import numpy as np
import numpy.typing as npt

from inference.errors import TrainingError


class UnnamedFile:
    """Arrays one behind the other, in the system's temporary folder (`TMPDIR`)."""

    def __init__(self) -> None:
        # Unbuffered: what is read goes straight to where it is wanted.
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with this object
        weakref.finalize(self, self._file.close)

    def append(self, values: npt.NDArray[np.generic]) -> None:
        """Write an array at the end; raises `OSError` where the disk does not take it."""
        view, done = _bytes_of(np.ascontiguousarray(values)), 0
        while done < len(view):
            done += self._file.write(view[done:])

    def read(self, at_byte: int, out: npt.NDArray[np.generic]) -> None:
        """Fill a contiguous array with what stands from this byte on.

        Raises
        ------
        TrainingError
            If the file is shorter.
        """
        view, done = _bytes_of(out), 0
        self._file.seek(at_byte)
        while done < len(view):
            got = self._file.readinto(view[done:])
            if not got:
                raise TrainingError("The temporary file of the training images is cut off; start the training again.")
            done += got


def _bytes_of(values: npt.NDArray[np.generic]) -> memoryview:
    return values.reshape(-1).view(np.uint8).data
