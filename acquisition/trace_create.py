"""Lay out a new trace file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import h5py

from acquisition.disk import explain
from acquisition.errors import ConfigError
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.trace_layout import (
    CHANNEL_GROUP,
    CONTINUED,
    GAP_DTYPE,
    GAP_TABLE,
    PART,
    RECORDING,
    TRACE_FORMAT,
)


def create_trace_file(
    path: Path, instrument: Instrument, origin: Origin, description: str, chunk_samples: int, recording: str, part: int
) -> h5py.File:
    """Return a new, empty trace file in HDF5's single-writer mode; parameters as in `TraceWriter`.

    The file gets its name when it is whole and in that mode, so that there is never one that cannot be read.

    Raises
    ------
    ConfigError
        If the file exists, or cannot be created there.
    """
    if chunk_samples < 1:
        raise ConfigError(f"chunk_samples must be at least 1, got {chunk_samples}.")
    unnamed = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        # Without a chunk cache every sample goes straight to the system, which outlives this process.
        with h5py.File(unnamed, "x", libver="v110", rdcc_nbytes=0, locking="best-effort") as file:
            _describe(file, instrument, origin, description)
            if recording:
                _place(file, recording, part)
            _lay_out(file, instrument, chunk_samples)
        file = h5py.File(unnamed, "r+", libver="v110", rdcc_nbytes=0, locking="best-effort")
        try:
            # No object can be added from here on, but every write keeps the file readable.
            file.swmr_mode = True
            _give_name(unnamed, path)
        except OSError:
            file.close()
            raise
    except FileExistsError:
        raise ConfigError(f"The file '{path}' exists; recordings are never replaced, choose a new name.") from None
    except OSError as error:
        raise ConfigError(f"The file '{path}' cannot be created: {explain(error)}.") from None
    finally:
        unnamed.unlink(missing_ok=True)
    return file


def _describe(file: h5py.File, instrument: Instrument, origin: Origin, description: str) -> None:
    file.attrs["format"] = TRACE_FORMAT
    file.attrs["instrument"] = instrument.to_json()
    file.attrs["sample_rate_hz"] = instrument.digitizer.sample_rate_hz
    file.attrs["bits"] = instrument.digitizer.bits
    file.attrs["origin"] = origin.value
    file.attrs["description"] = description


def _place(file: h5py.File, recording: str, part: int) -> None:
    file.attrs[RECORDING] = recording
    file.attrs[PART] = part
    # It is there from the beginning because it can be changed later, but not added.
    file.attrs.create(CONTINUED, 0, dtype="i1")


def _lay_out(file: h5py.File, instrument: Instrument, chunk_samples: int) -> None:
    for channel in instrument.channels:
        name = f"{CHANNEL_GROUP}/{channel.name}"
        file.create_dataset(name, (0,), instrument.digitizer.dtype, maxshape=(None,), chunks=(chunk_samples,))
    file.create_dataset(GAP_TABLE, (0,), GAP_DTYPE, maxshape=(None,), chunks=(1024,))


def _give_name(unnamed: Path, path: Path) -> None:
    """Rename a file, but never onto another."""
    try:
        os.link(unnamed, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links cannot do both in one step.
        if path.exists():
            raise FileExistsError(path) from None
        unnamed.rename(path)
