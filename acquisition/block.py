"""Samples as a source delivers them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int8] | npt.NDArray[np.int16]

UNKNOWN_LOSS = -1


def column(samples: Samples, channel: int) -> Samples:
    """Return one channel of `(n_samples, n_channels)` samples as contiguous `(n_samples,)`."""
    return cast("Samples", np.ascontiguousarray(samples[:, channel]))


def _nothing_to_release() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive samples of every channel, with their place on the sample clock.

    Attributes
    ----------
    data
        `(n_samples, n_channels)` int8 or int16, signed counts, baseline near 0 (see `Channel` for volts).
    first_sample
        Tick of the first sample; grows within an epoch, and jumps by `lost_before` and `omitted_before`.
    epoch
        Counts restarts of the sample clock. Ticks of different epochs cannot be compared.
    lost_before
        Samples lost between the block before and this one; `UNKNOWN_LOSS` where the source cannot tell.
    omitted_before
        Samples between the block before and this one that a recording left out by choice; they are not lost.
    clipped
        `(n_channels,)` int64, samples of each channel at the ends of the converter's range; None if not counted.
    fill
        How full the device's own buffer was, 0 to 1; None if the device does not say.
    host_time_ns, device_ticks
        Host clock (Unix epoch) and device time stamp at delivery: labels, never used as the time of the data.
    judged
        What a run decided of the events whose triggers lie in these samples (`acquisition.judgement`), where the source
        is a recording that knows it; None where there is nothing to know.
    borrowed
        True if `data` is a view of a buffer that the source uses again after `release`, or after the next read.
    """

    data: Samples
    first_sample: int
    epoch: int = 0
    lost_before: int = 0
    omitted_before: int = field(default=0, kw_only=True)
    clipped: npt.NDArray[np.int64] | None = None
    fill: float | None = None
    host_time_ns: int = 0
    device_ticks: int | None = None
    judged: npt.NDArray[np.void] | None = field(default=None, kw_only=True, compare=False, repr=False)
    borrowed: bool = False
    release: Callable[[], None] = field(default=_nothing_to_release, compare=False, repr=False)

    @property
    def n_samples(self) -> int:
        """Samples per channel."""
        return int(self.data.shape[0])

    @property
    def end_sample(self) -> int:
        """Tick after the last sample."""
        return self.first_sample + self.n_samples
