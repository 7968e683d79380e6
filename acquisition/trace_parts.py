"""Check the parts of a trace file one by one; each finds fault in one sentence."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError, TraceError
from acquisition.file_kind import FileKind, kind_of
from acquisition.instrument import Instrument
from acquisition.judgement import JUDGED_DTYPE
from acquisition.origin import Origin
from acquisition.trace_layout import (
    CHANNEL_GROUP,
    CONTINUED,
    GAP_DTYPE,
    GAP_TABLE,
    JUDGED,
    OPTIONAL_GAP_COLUMNS,
    PART,
    RECORDING,
    TRACE_FORMAT,
    TRUTH_GROUP,
)


def checked_format(file: h5py.File, path: Path) -> None:
    """Refuse what is not a trace file of a known version."""
    kind = kind_of(file)
    if kind is FileKind.ATOM:
        raise TraceError(f"The file '{path}' looks like an ATOM record; open it as atom:{path}.")
    if kind is not FileKind.TRACE:
        raise TraceError(f"The file '{path}' is HDF5 but no trace file: it has no attribute 'format'.")
    version = text_attribute(file, "format", path)
    if version != TRACE_FORMAT:
        raise TraceError(f"The file '{path}' has the format '{version}'; this Lightline reads '{TRACE_FORMAT}'.")


def text_attribute(file: h5py.File, name: str, path: Path) -> str:
    """Return a root attribute that is text."""
    value = _attribute(file, name, path)
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if not isinstance(value, str):
        raise TraceError(f"The attribute '{name}' of '{path}' must be text.")
    return value


def number_attribute(file: h5py.File, name: str, path: Path) -> float:
    """Return a root attribute that is one finite number."""
    value = np.asarray(_attribute(file, name, path))
    if value.shape != () or value.dtype.kind not in "iuf" or not math.isfinite(value):
        raise TraceError(f"The attribute '{name}' of '{path}' must be a finite number.")
    return float(value)


def origin_attribute(file: h5py.File, path: Path) -> Origin:
    """Return how real the samples are."""
    text = text_attribute(file, "origin", path)
    try:
        return Origin(text)
    except ValueError:
        words = ", ".join(Origin)
        raise TraceError(f"The attribute 'origin' of '{path}' must be one of {words}, not '{text}'.") from None


def checked_place(file: h5py.File, path: Path) -> tuple[str, int, bool]:
    """Return the identity of the recording, the file's number in it from 1 on, and whether another follows.

    A recording in one file may leave all three out; its identity is empty then.
    """
    if RECORDING not in file.attrs:
        return "", 1, False
    recording, part = text_attribute(file, RECORDING, path), number_attribute(file, PART, path)
    if part < 1 or part != int(part):
        raise TraceError(f"The attribute '{PART}' of '{path}' must be a whole number from 1 on.")
    return recording, int(part), CONTINUED in file.attrs and bool(number_attribute(file, CONTINUED, path))


def _attribute(file: h5py.File, name: str, path: Path) -> Any:
    if name not in file.attrs:
        raise TraceError(f"The file '{path}' lacks the attribute '{name}'; see the trace format.")
    return file.attrs[name]


def checked_instrument(file: h5py.File, path: Path) -> Instrument:
    """Return the instrument, which the other attributes must agree with."""
    try:
        instrument = Instrument.from_json(text_attribute(file, "instrument", path))
    except ConfigError as error:
        raise TraceError(f"In the file '{path}': {error}") from None
    for name, expected in (("sample_rate_hz", instrument.sample_rate_hz), ("bits", instrument.digitizer.bits)):
        value = number_attribute(file, name, path)
        if not math.isclose(value, expected, rel_tol=1e-9):
            raise TraceError(f"The file '{path}' says {name} is {value:g}, but its instrument says {expected:g}.")
    return instrument


def checked_channels(file: h5py.File, instrument: Instrument, complete: bool, path: Path) -> list[h5py.Dataset]:
    """Return the dataset of every channel, in the instrument's order."""
    expected = instrument.digitizer.dtype
    channels = []
    for channel in instrument.channels:
        name = f"{CHANNEL_GROUP}/{channel.name}"
        dataset = file.get(name)
        if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 1:
            raise TraceError(f"The file '{path}' lacks the samples of channel '{channel.name}' (dataset /{name}).")
        if (dataset.dtype.kind, dataset.dtype.itemsize) != (expected.kind, expected.itemsize):
            raise TraceError(
                f"Channel '{channel.name}' of '{path}' has the type {dataset.dtype}, but an instrument of "
                f"{instrument.digitizer.bits} bits gives {expected}."
            )
        channels.append(dataset)
    lengths = {len(dataset) for dataset in channels}
    # A writer that was killed may have got further with one channel than with the next.
    if complete and len(lengths) > 1:
        described = ", ".join(f"{c.name} {len(d)}" for c, d in zip(instrument.channels, channels, strict=True))
        raise TraceError(f"The channels of '{path}' differ in length: {described} samples.")
    if not complete:
        _require_stored(channels, path)
    return channels


def _require_stored(channels: list[h5py.Dataset], path: Path) -> None:
    """HDF5 reads zeros beyond the end of a file that was cut after its writer was killed; refuse it instead."""
    size = path.stat().st_size
    for dataset in channels:
        chunk = dataset.chunks[0] if dataset.chunks else 0

        def missing(stored: Any, chunk: int = chunk, dataset: h5py.Dataset = dataset) -> bool | None:
            samples = min(chunk, len(dataset) - stored.chunk_offset[0])
            return stored.byte_offset + samples * dataset.dtype.itemsize > size or None

        if chunk and dataset.id.chunk_iter(missing):
            raise TraceError(f"The file '{path}' is cut short; copy it again from where it was recorded.")


def checked_gaps(file: h5py.File, n_samples: int, complete: bool, path: Path) -> npt.NDArray[np.void]:
    """Return the gap table, `GAP_DTYPE`, whose first row is row 0."""
    dataset = file.get(GAP_TABLE)
    if (
        not isinstance(dataset, h5py.Dataset)
        or dataset.ndim != 1
        or not set(dataset.dtype.names or ()) >= set(GAP_DTYPE.names or ()) - OPTIONAL_GAP_COLUMNS
    ):
        raise TraceError(f"The file '{path}' lacks the table /{GAP_TABLE} of row, first_sample, lost and epoch.")
    names = [name for name in GAP_DTYPE.names or () if name in dataset.dtype.names]
    if any(dataset.dtype[name].kind not in "iu" for name in names):
        raise TraceError(f"The columns of /{GAP_TABLE} in '{path}' must be integers.")
    stored = dataset[:]
    gaps = np.zeros(len(stored), dtype=GAP_DTYPE)
    for name in names:
        gaps[name] = stored[name]
    if not complete:
        gaps = gaps[gaps["row"] < n_samples]
    fault = _gap_fault(gaps, n_samples)
    if fault:
        raise TraceError(f"The table /{GAP_TABLE} of '{path}' is wrong: {fault}.")
    return gaps


def checked_judged(file: h5py.File, path: Path) -> npt.NDArray[np.void] | None:
    """Return what was decided of the events, `JUDGED_DTYPE`; None if the file does not say."""
    dataset = file.get(JUDGED)
    if dataset is None:
        return None
    names = JUDGED_DTYPE.names or ()
    if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 1 or not set(dataset.dtype.names or ()) >= set(names):
        raise TraceError(f"The table /{JUDGED} of '{path}' needs the columns {', '.join(names)}; take it out.")
    if any(dataset.dtype[name].kind not in "iuf" for name in names):
        raise TraceError(f"The columns of /{JUDGED} in '{path}' must be numbers; take it out.")
    stored = dataset[:]
    judged = np.zeros(len(stored), dtype=JUDGED_DTYPE)
    for name in names:
        judged[name] = stored[name]
    return judged


def _gap_fault(gaps: npt.NDArray[np.void], n_samples: int) -> str:
    if len(gaps) == 0:
        return "" if n_samples == 0 else "it must say where row 0 stands on the sample clock"
    if gaps["row"][0] != 0 or np.any(np.diff(gaps["row"]) <= 0):
        return "its rows must begin with 0 and increase"
    if gaps["row"][-1] >= max(n_samples, 1):
        return f"it names row {gaps['row'][-1]}, but there are {n_samples} samples"
    if np.any(gaps["lost"] < -1) or np.any(gaps["first_sample"] < 0) or np.any(gaps["omitted"] < 0):
        return "first_sample and omitted cannot be negative, nor lost less than -1"
    if np.any(np.diff(gaps["epoch"]) < 0) or gaps["epoch"][0] < 0:
        return "epochs are counted from 0 on"
    return ""


def checked_truth_group(file: h5py.File, path: Path) -> dict[str, h5py.Dataset]:
    """Return the columns of the truth; none if the file has no truth."""
    group = file.get(TRUTH_GROUP)
    if group is None:
        return {}
    columns = dict(group.items()) if isinstance(group, h5py.Group) else {"": group}
    for name, column in columns.items():
        if not isinstance(column, h5py.Dataset) or column.ndim == 0 or column.dtype.kind not in "biufS":
            raise TraceError(f"The truth in '{path}' must be one dataset a column; '{name}' is not.")
        if name in ("epoch", "tick") and (column.ndim != 1 or column.dtype.kind not in "iuf"):
            raise TraceError(f"The truth column '{name}' in '{path}' must be one number a cell.")
    if len({len(column) for column in columns.values()}) > 1:
        raise TraceError(f"The columns of the truth in '{path}' differ in length.")
    return columns
