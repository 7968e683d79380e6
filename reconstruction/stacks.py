"""The memory that a batch's images are made in, event by event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numba
import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from reconstruction.batch import Measured
from reconstruction.images import FloatImages, Images, ImageUnit, Pixels, Rejection
from reconstruction.motion import FloatImage


@numba.njit(cache=True, nogil=True)
def to_counts(images: FloatImage, unit: float, zero: int, counts: npt.NDArray[np.uint16]) -> None:
    """Write images as whole `counts` of the same shape, contiguous both, of this unit each; `zero` stands for 0."""
    values, target = images.reshape(-1), counts.reshape(-1)
    per_unit, half = np.float32(1.0 / unit), np.float32(zero + 0.5)
    for i in range(values.shape[0]):
        target[i] = np.uint16(min(max(values[i] * per_unit + half, np.float32(0.0)), np.float32(65535.0)))


def new_stacks(shapes: Mapping[str, tuple[int, ...]], rows: int, pixels: Pixels) -> dict[str, Images]:
    """Make room for the images of a batch, empty, by channel."""
    return {name: np.zeros((rows, *shape), dtype=pixels.value) for name, shape in shapes.items()}


def one_by_one(
    events: Sequence[Event], images: Mapping[str, Images], units: Mapping[str, ImageUnit], cells_first: bool,
    one: Callable[[Event, Mapping[str, FloatImage]], Measured],
) -> tuple[list[Event], list[Measured]]:  # fmt: skip
    """Let `one` measure every event and fill its row of the `images`; return both in the order of the rows.

    With `cells_first`, events that are no cells give their row to the next one; their flat images are set aside, and
    follow the cells. `one` always makes float32; where the images are whole counts, they are rounded to `units`.
    """
    cells: list[tuple[Event, Measured]] = []
    others: list[tuple[Event, Measured, dict[str, Images]]] = []
    made = {name: np.zeros(s.shape[1:], np.float32) for name, s in images.items() if s.dtype == np.uint16}
    for event in events:
        row = {name: stack[len(cells)] for name, stack in images.items()}
        measured = one(event, {**row, **made})
        rejected = measured.rejection is not Rejection.NONE
        for name, exact in made.items():
            if not (cells_first and rejected and exact.ndim == 3):
                to_counts(exact, units[name].per_count, units[name].zero, row[name])
        if cells_first and rejected:
            others.append((event, measured, {name: image.copy() for name, image in row.items() if image.ndim == 2}))
        else:
            cells.append((event, measured))
    for k, (_, _, flat) in enumerate(others):
        for name, set_aside in flat.items():
            images[name][len(cells) + k] = set_aside
    both = [*cells, *((event, measured) for event, measured, _ in others)]
    return [event for event, _ in both], [measured for _, measured in both]


def ordered(
    images: Mapping[str, FloatImages], units: Mapping[str, ImageUnit], pixels: Pixels, rows: Sequence[int]
) -> dict[str, Images]:
    """Bring flat images of a batch, by channel, into the order of these rows, as whole counts where that is asked."""
    in_place = all(row == place for place, row in enumerate(rows))
    stacks: dict[str, Images] = {}
    for name, stack in images.items():
        exact = stack if in_place else stack[rows]
        stacks[name] = exact
        if pixels is Pixels.UINT16:
            counts = np.empty(stack.shape, np.uint16)
            to_counts(exact, units[name].per_count, units[name].zero, counts)
            stacks[name] = counts
    return stacks
