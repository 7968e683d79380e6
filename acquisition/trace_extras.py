"""What is added to a trace file when its samples are complete: the truth, and the device's own marks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from acquisition.disk import reserve
from acquisition.source import Truth
from acquisition.trace_layout import TRUTH_GROUP

METADATA_BYTES = 1 << 20


def write_extras(path: Path, truth: Truth | None, tables: Mapping[str, npt.NDArray[np.void]]) -> None:
    """Add what is known of the cells, and tables by their names, to a file that is closed.

    Raises
    ------
    OSError, RuntimeError
        If the disk does not take it.
    """
    if truth is None and not tables:
        return
    columns: dict[str, npt.NDArray[np.generic]] = {
        f"{TRUTH_GROUP}/{name}": column for name, column in (truth or {}).items()
    }
    columns.update(tables)
    needed = METADATA_BYTES + sum(column.nbytes for column in columns.values())
    with h5py.File(path, "r+", libver="v110", locking="best-effort") as file:
        # A full disk must show here, where leaving still closes the file properly.
        reserve(path, file.id.get_vfd_handle(), file.id.get_filesize() + needed)
        if truth is not None:
            file.create_group(TRUTH_GROUP)
        for name, column in columns.items():
            file.create_dataset(name, data=column)
        give_back(file)


def give_back(file: h5py.File) -> None:
    """Return the disk space that was claimed and not used."""
    os.ftruncate(file.id.get_vfd_handle(), file.id.get_filesize())
