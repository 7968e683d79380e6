"""What stands where in a trace file (`docs/trace-format.md`), shared by its writer and its reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TRACE_FORMAT = "lightline-trace/1"
CHANNEL_GROUP = "ch"
GAP_TABLE = "gaps"
TRUTH_GROUP = "truth"
CLOCK_MARKS = "clock_marks"
JUDGED = "judged"

CHUNK_SAMPLES = 1 << 20
"""Samples of one channel that are stored together."""

RECORDING, PART, CONTINUED = "recording", "part", "continued"
"""Attributes of a recording that was cut into files: its identity, the number of the file, and whether one follows."""

GAP_DTYPE = np.dtype([("row", "<i8"), ("first_sample", "<i8"), ("lost", "<i8"), ("epoch", "<i4"), ("omitted", "<i8")])
"""`row`: index in the channels' datasets before which samples are missing; the others as in `Block`."""

OPTIONAL_GAP_COLUMNS = frozenset({"omitted"})
"""Columns that a file may leave out; they are 0 then."""

CLOCK_MARK_DTYPE = np.dtype([("tick", "<i8"), ("epoch", "<i4")])
"""Where the device itself saw a scan or line begin."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Stored samples that followed each other without a gap.

    Attributes
    ----------
    row, n_samples
        Place in the datasets.
    first_sample, epoch, lost_before, omitted_before
        As in `Block`, of the segment's first sample.
    """

    row: int
    n_samples: int
    first_sample: int
    epoch: int = 0
    lost_before: int = 0
    omitted_before: int = 0

    @property
    def end_sample(self) -> int:
        """Tick after the last sample."""
        return self.first_sample + self.n_samples


def segments_of(gaps: npt.NDArray[np.void], n_samples: int) -> Iterator[Segment]:
    """Cut `n_samples` stored samples at the rows of a gap table (`GAP_DTYPE`, rows increasing from 0)."""
    if n_samples == 0:
        return
    ends = np.append(gaps["row"][1:], n_samples)
    for gap, end in zip(gaps, ends, strict=True):
        yield Segment(
            row=int(gap["row"]),
            n_samples=int(end - gap["row"]),
            first_sample=int(gap["first_sample"]),
            epoch=int(gap["epoch"]),
            lost_before=int(gap["lost"]),
            omitted_before=int(gap["omitted"]),
        )
