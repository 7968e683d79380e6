"""The windows of many events as one kernel takes them: where each lies in memory, not a copy of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numba
import numpy as np
import numpy.typing as npt
from numba import types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from acquisition.block import Samples
from acquisition.clipping import count_at_ends
from acquisition.event import Event
from acquisition.instrument import Digitizer
from reconstruction.kriging import Doubles


class Windows(NamedTuple):
    """Windows of `n` events; the arrays are there as long as the `Held` that made it.

    Attributes
    ----------
    places
        `(n, 2)` int64: address of the first sample, and samples per channel.
    kind
        `(0,)` of the samples' type.
    channels
        Of every window, sample by sample.
    """

    places: npt.NDArray[np.int64]
    kind: Samples
    channels: int


@dataclass(frozen=True, slots=True)
class Held:
    """Windows, and the arrays that keep them in memory."""

    windows: Windows
    arrays: tuple[Samples, ...]


def windows_of(events: Sequence[Event]) -> Held:
    """Lay hold of the windows of events of one stream; there must be at least one."""
    arrays = tuple(cast("Samples", np.ascontiguousarray(event.window)) for event in events)
    places = [(array.__array_interface__["data"][0], array.shape[0]) for array in arrays]
    first = arrays[0]
    return Held(Windows(np.array(places, np.int64), first[:0, 0], first.shape[1]), arrays)


def _as_pointer(_typing: Any, address: Any) -> Any:
    """Give signature and code of the intrinsic."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.voidptr(address), codegen


_pointer: Any = intrinsic(_as_pointer)


@numba.njit(nogil=True, inline="always")
def window_at(windows: Windows, k: int) -> Samples:
    """Window `k`, `(samples * channels,)`, all channels of a sample together."""
    length = windows.places[k, 1] * windows.channels
    return carray(_pointer(windows.places[k, 0]), (length,), windows.kind.dtype)


@numba.njit(cache=True, nogil=True)
def _most_at_ends(windows: Windows, ends: Samples, shares: Doubles) -> None:
    counts = np.empty(windows.channels, np.int64)
    for k in range(shares.shape[0]):
        counts[:] = 0
        count_at_ends(window_at(windows, k), ends, counts)
        shares[k] = counts.max() / max(windows.places[k, 1], 1)


def clipped_shares(windows: Windows, digitizer: Digitizer) -> Doubles:
    """Share of the samples of each window at the ends of the converter's range, of the worst channel, `(n,)`."""
    shares = np.empty(windows.places.shape[0])
    ends = cast("Samples", np.array([digitizer.lowest, digitizer.highest], windows.kind.dtype))
    _most_at_ends(windows, ends, shares)
    return shares
