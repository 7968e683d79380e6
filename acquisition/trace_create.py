"""Lay out a new trace file."""

from __future__ import annotations

from pathlib import Path

import h5py

from acquisition.disk import explain
from acquisition.errors import ConfigError
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.trace_layout import CHANNEL_GROUP, GAP_DTYPE, GAP_TABLE, TRACE_FORMAT


def create_trace_file(
    path: Path, instrument: Instrument, origin: Origin, description: str, chunk_samples: int
) -> h5py.File:
    """Return a new, empty trace file in HDF5's single-writer mode; parameters as in `TraceWriter`.

    Raises
    ------
    ConfigError
        If the file exists, or cannot be created there.
    """
    if chunk_samples < 1:
        raise ConfigError(f"chunk_samples must be at least 1, got {chunk_samples}.")
    try:
        # Without a chunk cache every sample goes straight to the system, which outlives this process.
        file = h5py.File(path, "x", libver="v110", rdcc_nbytes=0, locking="best-effort")
    except FileExistsError:
        raise ConfigError(f"The file '{path}' exists; recordings are never replaced, choose a new name.") from None
    except OSError as error:
        raise ConfigError(f"The file '{path}' cannot be created: {explain(error)}.") from None
    digitizer = instrument.digitizer
    file.attrs["format"] = TRACE_FORMAT
    file.attrs["instrument"] = instrument.to_json()
    file.attrs["sample_rate_hz"] = digitizer.sample_rate_hz
    file.attrs["bits"] = digitizer.bits
    file.attrs["origin"] = origin.value
    file.attrs["description"] = description
    for channel in instrument.channels:
        name = f"{CHANNEL_GROUP}/{channel.name}"
        file.create_dataset(name, (0,), digitizer.dtype, maxshape=(None,), chunks=(chunk_samples,))
    file.create_dataset(GAP_TABLE, (0,), GAP_DTYPE, maxshape=(None,), chunks=(1024,))
    # No object can be added from here on, but every write keeps the file readable.
    file.swmr_mode = True
    return file
