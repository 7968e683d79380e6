"""Read a recording, or say in one sentence why it cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.errors import TraceError
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.source import Truth, existing_file
from acquisition.trace_layout import CLOCK_MARKS, TRUTH_GROUP, Segment, segments_of
from acquisition.trace_open import open_hdf5
from acquisition.trace_parts import (
    checked_channels,
    checked_format,
    checked_gaps,
    checked_instrument,
    checked_judged,
    checked_place,
    checked_truth_group,
    origin_attribute,
    text_attribute,
)
from acquisition.trace_summary import TraceSummary, summary_of


class TraceReader:
    """A trace file open for reading; like `open`, it opens the file at once.

    A file that is still being written, or whose writer was killed, is read as far as it goes.

    Raises
    ------
    TraceError
        If the file is missing, damaged, or not of the documented format; the sentence says which.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = existing_file(str(path))
        self._file, self._complete = open_hdf5(self._path)
        try:
            self._read_description()
        except TraceError:
            self._file.close()
            raise
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            self._file.close()
            raise TraceError(f"The file '{self._path}' is damaged: {error}.") from None

    def _read_description(self) -> None:
        checked_format(self._file, self._path)
        self._instrument = checked_instrument(self._file, self._path)
        self._origin = origin_attribute(self._file, self._path)
        self._description = text_attribute(self._file, "description", self._path)
        self._place = checked_place(self._file, self._path)
        self._channels = checked_channels(self._file, self._instrument, self._complete, self._path)
        self._n_samples = min(len(channel) for channel in self._channels)
        gaps = checked_gaps(self._file, self._n_samples, self._complete, self._path)
        self._segments = tuple(segments_of(gaps, self._n_samples))
        self._truth_columns = checked_truth_group(self._file, self._path)
        self._judged = checked_judged(self._file, self._path)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def place(self) -> tuple[str, int, bool]:
        """Identity of the recording, the number of this file in it from 1 on, and whether another follows."""
        return self._place

    @property
    def instrument(self) -> Instrument:
        """The instrument that the samples come from."""
        return self._instrument

    @property
    def origin(self) -> Origin:
        """Whether the samples were measured, made from real images, or simulated throughout."""
        return self._origin

    @property
    def description(self) -> str:
        """One line for people."""
        return self._description

    @property
    def complete(self) -> bool:
        """False if the file is still being written, or its writer was killed."""
        return self._complete

    @property
    def n_samples(self) -> int:
        """Stored samples per channel, when the file was opened."""
        return self._n_samples

    @property
    def truth(self) -> Truth | None:
        """What is known of the cells, by column, one row a cell; None if the file does not say."""
        if not self._truth_columns and TRUTH_GROUP not in self._file:
            return None
        return {name: dataset[:] for name, dataset in self._truth_columns.items()}

    @property
    def clock_marks(self) -> npt.NDArray[np.void] | None:
        """The device's own marks of scans or lines (`CLOCK_MARK_DTYPE`); None if there are none."""
        return self._file[CLOCK_MARKS][:] if CLOCK_MARKS in self._file else None

    @property
    def judged(self) -> npt.NDArray[np.void] | None:
        """What was decided of the events (`JUDGED_DTYPE`) when this was recorded; None if the file does not say."""
        return self._judged

    def segments(self) -> tuple[Segment, ...]:
        """Return the stored samples between gaps, in order; they cover every row."""
        return self._segments

    def read(self, start_row: int, n_samples: int) -> Samples:
        """Return `(n, n_channels)` samples from a row on, fewer at the end of the file.

        Raises
        ------
        TraceError
            If the file is damaged there.
        """
        end = min(start_row + n_samples, self._n_samples)
        samples = np.empty((max(0, end - start_row), len(self._channels)), self._instrument.digitizer.dtype)
        try:
            for column, channel in enumerate(self._channels):
                samples[:, column] = channel[start_row:end]
        except (OSError, RuntimeError) as error:
            raise TraceError(f"The file '{self._path}' is damaged at sample {start_row}: {error}.") from None
        return samples

    def summary(self) -> TraceSummary:
        """Return what the file says about itself, without looking at its samples."""
        truth = next(iter(self._truth_columns.values()), None)
        return summary_of(self, self._complete, None if truth is None else len(truth))

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
