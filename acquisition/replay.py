"""Play a recording as a source: the same blocks, gaps and epochs as when it was made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from acquisition.block import Block, Samples
from acquisition.clipping import count_clipped
from acquisition.errors import EndOfStream, SourceError
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.pace import Pace
from acquisition.source import Truth
from acquisition.trace_layout import Segment
from acquisition.truth_table import delivered


class Recording(Protocol):
    """Stored samples with random access, whatever the file they stand in."""

    @property
    def instrument(self) -> Instrument:
        """The instrument that the samples come from."""

    @property
    def origin(self) -> Origin:
        """Whether the samples were measured, made from real images, or simulated throughout."""

    @property
    def description(self) -> str:
        """One line for people."""

    @property
    def n_samples(self) -> int:
        """Stored samples per channel."""

    @property
    def truth(self) -> Truth | None:
        """What is known of the cells."""

    def segments(self) -> Sequence[Segment]:
        """Return the stored samples between gaps, in order."""

    def read(self, start_row: int, n_samples: int) -> Samples:
        """Return `(n, n_channels)` samples from a row on."""

    def close(self) -> None:
        """Give the file back."""


class Replay:
    """A recording as a `Source`; every start plays it from its beginning, with epochs of its own.

    States and threads as in `Source`.

    Parameters
    ----------
    recording
        Closed together with this source.
    speed
        Pace against the sample clock, 1 is real time; None is as fast as it is read.
    block_samples
        Most samples in a block; None chooses. Blocks end at gaps.
    judged
        What was decided of the events when this was recorded (`acquisition.judgement`); None if that is not known.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        speed: float | None = None,
        block_samples: int | None = None,
        judged: npt.NDArray[np.void] | None = None,
    ) -> None:
        self._recording = recording
        self._judged = judged
        self._pace = Pace(recording.instrument.sample_rate_hz, speed)
        self._block_samples = block_samples or self._pace.suitable_block()
        self._segments = tuple(recording.segments())
        self._due_ticks = _elapsed_ticks(self._segments)
        first, last = (self._segments[0].epoch, self._segments[-1].epoch) if self._segments else (0, 0)
        self._epochs_per_play = last - first + 1
        self._plays = 0
        self._segment = 0
        self._offset = 0
        self._reached: tuple[int, int] | None = None
        self._closed = False

    @property
    def instrument(self) -> Instrument:
        """The instrument that the samples come from."""
        return self._recording.instrument

    @property
    def waits(self) -> bool:
        """True: a recording waits for its reader."""
        return True

    @property
    def origin(self) -> Origin:
        """What the samples were when they were recorded."""
        return self._recording.origin

    @property
    def description(self) -> str:
        """One line for people."""
        return self._recording.description

    @property
    def total_samples(self) -> int | None:
        """Samples per channel of one play."""
        return self._recording.n_samples

    def start(self) -> None:
        """Play from the beginning; the epochs follow those of the play before."""
        if self._closed:
            raise SourceError("The recording is closed; open it again.")
        self._plays += 1
        self._segment = self._offset = 0
        self._reached = None
        self._pace.start()

    def read(self, timeout_s: float = 1.0) -> Block:
        """Next block; when a pace is set, it comes once its last sample would have been taken.

        Raises
        ------
        SourceTimeout
            The pace does not allow the next block yet.
        EndOfStream
            The recording has ended, or `stop` was called.
        TraceError
            The file is damaged at this place.
        """
        if self._plays == 0:
            raise SourceError("The recording is not being played; call start first.")
        if self._pace.stopped or self._segment == len(self._segments):
            raise EndOfStream("The recording has ended.")
        segment = self._segments[self._segment]
        count = min(self._block_samples, segment.n_samples - self._offset)
        self._pace.wait(self._due_ticks[self._segment] + self._offset + count, timeout_s)
        samples = self._recording.read(segment.row + self._offset, count)
        block = Block(
            data=samples,
            first_sample=segment.first_sample + self._offset,
            epoch=segment.epoch + self._epoch_shift,
            lost_before=0 if self._offset else segment.lost_before,
            omitted_before=0 if self._offset else segment.omitted_before,
            clipped=count_clipped(samples, self.instrument.digitizer),
            host_time_ns=time.time_ns(),
            judged=self._judged_in(segment.epoch, segment.first_sample + self._offset, count),
        )
        self._offset += count
        self._reached = (segment.epoch, block.end_sample)
        if self._offset == segment.n_samples:
            self._segment, self._offset = self._segment + 1, 0
        return block

    def stop(self) -> None:
        """End the play, from any thread; a waiting `read` raises `EndOfStream` at once."""
        self._pace.stop()

    def truth(self) -> Truth | None:
        """Return what the recording knows of the cells delivered in this play; None if it knows nothing."""
        truth = None if self._closed else self._recording.truth
        if truth is None:
            return None
        epoch, end_sample = self._reached or (-1, 0)
        columns = delivered(truth, epoch, end_sample)
        if "epoch" in columns:
            columns["epoch"] = np.asarray(columns["epoch"], np.int64) + self._epoch_shift
        return columns

    def close(self) -> None:
        """Close the recording; may be called twice."""
        self._pace.stop()
        self._closed = True
        self._recording.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _judged_in(self, epoch: int, first_sample: int, count: int) -> npt.NDArray[np.void] | None:
        """Return what is known of the events whose triggers lie in these samples."""
        if self._judged is None:
            return None
        ticks = self._judged["tick"]
        inside = (self._judged["epoch"] == epoch) & (ticks >= first_sample) & (ticks < first_sample + count)
        found: npt.NDArray[np.void] = self._judged[inside]
        found["epoch"] += self._epoch_shift
        return found

    @property
    def _epoch_shift(self) -> int:
        return max(0, self._plays - 1) * self._epochs_per_play


def _elapsed_ticks(segments: Sequence[Segment]) -> list[int]:
    """Ticks from the start of the recording to each segment; gaps take their time, restarts of the clock none."""
    elapsed = [0]
    for before, after in pairwise(segments):
        gap = after.first_sample - before.end_sample if after.epoch == before.epoch else 0
        elapsed.append(elapsed[-1] + before.n_samples + max(0, gap))
    return elapsed
