"""TDMS files of LabVIEW, through the package npTDMS (extra `importers`)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from acquisition.block import Samples
from acquisition.errors import ConfigError, TraceError
from acquisition.importers.foreign import Contents, ForeignChannel, signed_counts
from acquisition.source import existing_file
from acquisition.trace_layout import Segment

_TYPES = ("int8", "int16", "uint8", "uint16")


class TdmsRecording:
    """The channels of one group, integers of 8 or 16 bits, open for reading.

    The sample rate is the property `wf_increment` of the channels, the way LabVIEW writes waveforms. Of a file that was
    cut off, the samples that every channel has are read, and the description says so.

    Parameters
    ----------
    path
        The file.
    group
        Name of the group; None takes the only one that has samples.
    sample_rate_hz
        Where the channels do not state it.

    Raises
    ------
    ConfigError
        If npTDMS is not installed, or group or rate have to be named.
    TraceError
        If the file is missing, damaged, or its channels are not alike or not integers.
    """

    def __init__(self, path: str, group: str | None = None, sample_rate_hz: str | float | None = None) -> None:
        self._path = existing_file(path)
        self._stream = _stream(self._path)
        try:
            file = _parsed(self._stream, self._path)
            cut_off = bool(file.file_status.incomplete_final_segment)
            self._channels = _channels(file, self._path, group, cut_off)
            dtype = np.result_type(*(channel.dtype for channel in self._channels))
            length = min(len(channel) for channel in self._channels)
            ending = " (cut off while it was written)" if cut_off else ""
            self._contents = Contents(
                path=self._path,
                format="tdms",
                description=f"TDMS recording {self._path.name}, group {self._channels[0].group_name}{ending}",
                sample_rate_hz=_rate_hz(self._channels, self._path, sample_rate_hz),
                bits=8 * dtype.itemsize,
                channels=tuple(ForeignChannel(channel.name) for channel in self._channels),
                segments=(Segment(row=0, n_samples=length, first_sample=0),),
            )
        except (ConfigError, TraceError):
            self.close()
            raise
        except Exception as error:
            self.close()
            raise _damaged(self._path, error) from None

    @property
    def contents(self) -> Contents:
        """What the file says of itself."""
        return self._contents

    def read(self, start_row: int, n_samples: int) -> Samples:
        """Return `(n, n_channels)` signed counts from a row on.

        Raises
        ------
        TraceError
            If the file is damaged there.
        """
        count = max(0, min(n_samples, self._contents.n_samples - start_row))
        try:
            columns = [channel.read_data(start_row, count, scaled=False) for channel in self._channels]
            if any(len(column) != count for column in columns):
                raise TraceError(f"The file '{self._path}' ends before its own length; copy it again.")
            return signed_counts(np.stack(columns, axis=1), self._contents.bits, self._path)
        except TraceError:
            raise
        except Exception as error:
            raise _damaged(self._path, error) from None

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._stream.close()


def _stream(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise TraceError(f"The file '{path}' cannot be read: {error.strerror}; check its permissions.") from None


def _parsed(stream: BinaryIO, path: Path) -> Any:
    try:
        from nptdms import TdmsFile
    except ImportError:
        sentence = "TDMS files need the package npTDMS; install it with pip install 'lightline[importers]'."
        raise ConfigError(sentence) from None
    # It prints what it finds odd; we say so in the description, or in the one sentence of an error.
    logging.getLogger("nptdms").setLevel(logging.CRITICAL)
    try:
        # From a stream of ours, which is closed also where the library gives up.
        return TdmsFile.open(stream)
    except Exception as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> TraceError:
    """Return the sentence for whatever the library ran into; it raises errors of any kind."""
    said = " ".join(str(error).split()).rstrip(".")
    return TraceError(f"The file '{path}' is damaged or no TDMS file ({said or type(error).__name__}); copy it again.")


def _channels(file: Any, path: Path, group: str | None, cut_off: bool) -> list[Any]:
    """Channels of the group, alike in type, and in length unless the file was cut off."""
    groups = {part.name: [channel for channel in part.channels() if len(channel)] for part in file.groups()}
    full = {name: channels for name, channels in groups.items() if channels}
    if not full:
        raise TraceError(f"The file '{path}' holds no samples; record it again.")
    if group is None and len(full) > 1:
        raise ConfigError(f"The file '{path}' has the groups {', '.join(full)}; add ?group=NAME behind the address.")
    name = next(iter(full)) if group is None else group
    if name not in full:
        raise ConfigError(f"The file '{path}' has no group '{name}' with samples; use one of {', '.join(full)}.")
    channels = full[name]
    types = {str(channel.dtype.newbyteorder("=")) for channel in channels}
    if len(types) > 1 or not types <= set(_TYPES):
        raise TraceError(
            f"The channels of '{path}' are of the type {', '.join(sorted(types))}; samples of one integer type of 8 or "
            "16 bits can be imported, so record unscaled."
        )
    if not cut_off and len({len(channel) for channel in channels}) > 1:
        raise TraceError(f"The channels of group '{name}' of '{path}' differ in length; record them together.")
    return channels


def _rate_hz(channels: list[Any], path: Path, given: str | float | None) -> float:
    if given is not None:
        try:
            return float(given)
        except ValueError:
            raise ConfigError(f"sample_rate_hz '{given}' must be a number.") from None
    increments = {float(channel.properties.get("wf_increment", 0.0)) for channel in channels}
    if len(increments) > 1:
        raise TraceError(f"The channels of '{path}' differ in sample rate; record them with one clock.")
    increment_s = increments.pop()
    if not increment_s > 0:
        raise ConfigError(f"The file '{path}' does not state its sample rate; add ?sample_rate_hz=... to the address.")
    return float(f"{1 / increment_s:.12g}")
