"""Open an HDF5 file for reading, also while it is written and after its writer was killed."""

from __future__ import annotations

from pathlib import Path

import h5py

from acquisition.errors import TraceError


def open_hdf5(path: Path) -> tuple[h5py.File, bool]:
    """Return the open file, and False if its writer has not closed it.

    Raises
    ------
    TraceError
        If it is not HDF5, cut short, damaged, or held by a writer that does not let others read.
    """
    try:
        if not h5py.is_hdf5(path):
            raise TraceError(f"The file '{path}' is not HDF5, so it is no recording; check that it is the right file.")
        file = h5py.File(path, "r", locking="best-effort")
        # Opened without `swmr`, only a file that this very process is writing has that mode.
        return file, not file.swmr_mode
    except OSError as error:
        if "already open for" not in str(error):
            raise _unreadable(path, error) from None
    try:
        return h5py.File(path, "r", swmr=True, locking="best-effort"), False
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> TraceError:
    reason = str(error)
    if isinstance(error, PermissionError):
        return TraceError(f"The file '{path}' may not be read by this user; change its permissions.")
    if "truncated" in reason:
        return TraceError(f"The file '{path}' is cut short; copy it again from where it was recorded.")
    if "unable to lock" in reason:
        return TraceError(f"The file '{path}' is being written by another program; wait until that closes it.")
    if "already open" in reason:
        return TraceError(f"The file '{path}' was not closed by its writer; `h5clear -s` of the HDF5 tools mends it.")
    return TraceError(f"The file '{path}' is a damaged HDF5 file; copy it again from where it was recorded.")
