"""The public ATOM record as a source: real droplets at 5 GS/s (specification B.4)."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from acquisition.block import Samples
from acquisition.errors import ConfigError, TraceError
from acquisition.instrument import Instrument, TimeStretch
from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from acquisition.replay import Replay
from acquisition.replay_options import parse_block_samples, parse_speed
from acquisition.source import Truth, existing_file
from acquisition.trace_layout import Segment
from acquisition.trace_open import open_hdf5
from acquisition.trace_parts import number_attribute

_HIGHEST_STORED = 128
"""The record writes the converter's upper end as 127 or 128."""


class AtomRecord:
    """The HDF5 layout of the record in the ProxImaL repository, open for reading.

    Dataset `raw` holds the 8-bit samples of one channel as integers; the attributes `pulse_interval` and `shear_factor`
    give the samples per line as their difference, and `horizontal_scaling_factor` the lines that one sample is wide.

    Raises
    ------
    TraceError
        If the file is missing, damaged, or laid out in another way.
    """

    def __init__(self, path: str) -> None:
        self._path = existing_file(path)
        self._file, _ = open_hdf5(self._path)
        try:
            self._raw = _checked_samples(self._file, self._path)
            self._instrument = _instrument_of(self._file, self._path)
        except TraceError:
            self._file.close()
            raise
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            self._file.close()
            raise TraceError(f"The file '{self._path}' is damaged: {error}.") from None

    @property
    def instrument(self) -> Instrument:
        """The preset `atom-real`, with the line rate and pixel that the record states."""
        return self._instrument

    @property
    def origin(self) -> Origin:
        """The record was measured."""
        return Origin.MEASURED

    @property
    def description(self) -> str:
        """One line for people."""
        return f"ATOM record {self._path.name}"

    @property
    def n_samples(self) -> int:
        """Stored samples."""
        return len(self._raw)

    @property
    def truth(self) -> Truth | None:
        """None: nothing is known of the droplets."""
        return None

    def segments(self) -> tuple[Segment, ...]:
        """Return the one stretch that the record is."""
        return (Segment(row=0, n_samples=self.n_samples, first_sample=0),)

    def read(self, start_row: int, n_samples: int) -> Samples:
        """Return `(n, 1)` int8 samples from a row on, the converter's upper end as 127.

        Raises
        ------
        TraceError
            If the file is damaged there, or its samples are not those of an 8-bit converter.
        """
        try:
            stored = self._raw[start_row : start_row + n_samples]
        except (OSError, RuntimeError) as error:
            raise TraceError(f"The file '{self._path}' is damaged at sample {start_row}: {error}.") from None
        digitizer = self._instrument.digitizer
        if stored.size and (stored.min() < digitizer.lowest or stored.max() > _HIGHEST_STORED):
            raise TraceError(
                f"The file '{self._path}' is no ATOM record: its samples reach from {stored.min()} to {stored.max()}, "
                "beyond 8 bits."
            )
        samples: Samples = np.clip(stored, digitizer.lowest, digitizer.highest).astype(np.int8)[:, np.newaxis]
        return samples

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()


def open_atom_record(path: str, speed: str | float | None = None, block_samples: str | int | None = None) -> Replay:
    """Open the public ATOM record as a source; options as in `open_trace`.

    Raises
    ------
    ConfigError
        If an option does not make sense.
    TraceError
        If the file cannot be read.
    """
    pace, size = parse_speed(speed), parse_block_samples(block_samples)
    return Replay(AtomRecord(path), speed=pace, block_samples=size)


def _checked_samples(file: h5py.File, path: Path) -> h5py.Dataset:
    raw = file.get("raw")
    if not isinstance(raw, h5py.Dataset):
        raise TraceError(f"The file '{path}' is no ATOM record: it has no dataset 'raw'.")
    if raw.ndim != 1 or raw.dtype.kind not in "iu" or len(raw) == 0:
        raise TraceError(f"The dataset 'raw' of '{path}' must be one row of integers, got {raw.shape} {raw.dtype}.")
    return raw


def _instrument_of(file: h5py.File, path: Path) -> Instrument:
    preset = instrument_preset("atom-real")
    optics = preset.optics
    if not isinstance(optics, TimeStretch):
        raise ConfigError("The preset 'atom-real' must be a time-stretch instrument.")
    samples_per_line = number_attribute(file, "pulse_interval", path) - number_attribute(file, "shear_factor", path)
    lines_per_sample = number_attribute(file, "horizontal_scaling_factor", path)
    if not (2 < samples_per_line < len(file["raw"]) and lines_per_sample > 0):
        raise TraceError(f"The file '{path}' states {samples_per_line:g} samples per line, which cannot be.")
    stated_hz = preset.sample_rate_hz / samples_per_line
    pixel_um = lines_per_sample * preset.flow_speed_m_s / stated_hz * 1e6
    same = abs(stated_hz / optics.line_rate_hz - 1) < 1e-6 and abs(pixel_um / optics.um_per_sample - 1) < 1e-6
    if same:
        return preset
    stated = optics.model_copy(update={"line_rate_hz": stated_hz, "um_per_sample": pixel_um})
    return preset.model_copy(update={"optics": stated})
