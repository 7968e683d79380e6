"""Lines drawn straight from sample to sample: the pixels that take the least time (specification B.3, step 5)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from reconstruction.kriging import Doubles
from reconstruction.lanes import LANES
from reconstruction.motion import FloatImage
from reconstruction.time_stretch.pixels import Line, Rows

DRAWN_PLACES = 64
"""Places between two samples at which a pixel of a line drawn straight may lie."""


class Drawing(NamedTuple):
    """Where columns lie among the samples of a line, by place of its middle between two samples.

    Attributes
    ----------
    first
        `(DRAWN_PLACES,)`: the sample before the first column, counted from the last one before the middle.
    before
        `(DRAWN_PLACES, m)`: the sample before each column, counted from that; `m` is a multiple of `LANES`, and what is
        beyond the last column repeats it.
    after
        `(DRAWN_PLACES, m)`: share of the sample after it.
    """

    first: npt.NDArray[np.int64]
    before: npt.NDArray[np.uint32]
    after: FloatImage


def _joined(builder: Any, one: Any, other: Any, lanes: list[int]) -> Any:
    """Return these lanes of two vectors, those of the other counted on."""
    kind = ir.VectorType(ir.IntType(32), len(lanes))
    return builder.shuffle_vector(one, other, ir.Constant(kind, lanes))


def _straight(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    target, at, source, start, befores, afters, place = arguments
    out, values, steps, shares = (
        context.make_array(signature.args[k])(context, builder, array).data
        for k, array in ((0, target), (2, source), (4, befores), (5, afters))
    )
    pair, eight = (ir.VectorType(ir.FloatType(), count).as_pointer() for count in (2, LANES))
    pairs = []
    for k in range(LANES):
        step = builder.load(builder.gep(steps, [builder.add(place, ir.Constant(place.type, k))]))
        pointer = builder.gep(values, [builder.add(start, builder.zext(step, start.type))])
        # A sample and the next one are read as one number of 64 bits: that is half of what there is to do.
        pairs.append(builder.load(builder.bitcast(pointer, pair), align=4))
    fours = [_joined(builder, a, b, [0, 1, 2, 3]) for a, b in zip(pairs[::2], pairs[1::2], strict=True)]
    first, second = (_joined(builder, fours[k], fours[k + 2], list(range(LANES))) for k in (0, 1))
    low = _joined(builder, first, second, [0, 2, 8, 10, 4, 6, 12, 14])
    high = _joined(builder, first, second, [1, 3, 9, 11, 5, 7, 13, 15])
    share = builder.load(builder.bitcast(builder.gep(shares, [place]), eight), align=4)
    drawn = builder.fadd(low, builder.fmul(share, builder.fsub(high, low)))
    builder.store(drawn, builder.bitcast(builder.gep(out, [at]), eight), align=4)
    return context.get_dummy_value()


def _type_straight(
    _typing: Any, target: Any, _at: Any, source: Any, _start: Any, befores: Any, afters: Any, _place: Any
) -> Any:
    whole = types.int64
    return types.void(target, whole, source, whole, befores, afters, whole), _straight


_eight: Any = intrinsic(_type_straight)
"""`_eight(target, at, source, start, befores, afters, place)`: `LANES` pixels between samples, float32.

Pixel k, at `at + k` of the flat `target`, lies behind sample `start + befores[place + k]` of the flat `source` by the
share `afters[place + k]` of the way to the next. All of them must be there.
"""


@numba.njit(cache=True, nogil=True)
def drawn_places(columns: Doubles) -> Drawing:
    """Work out where columns, in samples from a line's middle, lie among its samples."""
    n = LANES * math.ceil(columns.shape[0] / LANES)
    first, before = np.empty(DRAWN_PLACES, np.int64), np.empty((DRAWN_PLACES, n), np.uint32)
    after = np.empty((DRAWN_PLACES, n), np.float32)
    for f in range(DRAWN_PLACES):
        first[f] = math.floor((f + 0.5) / DRAWN_PLACES + columns[0])
        for c in range(n):
            place = (f + 0.5) / DRAWN_PLACES + columns[min(c, columns.shape[0] - 1)]
            before[f, c] = math.floor(place) - first[f]
            after[f, c] = place - math.floor(place)
    return Drawing(first, before, after)


@numba.njit(cache=True, nogil=True)
def draw_lines(light: FloatImage, line: Line, drawing: Drawing, drawn: FloatImage) -> None:
    """Draw lines straight from sample to sample at the places of the columns; NaN beside missing ones.

    `drawn` `(lines, m)`, written, is as wide as `drawing`.
    """
    n, target = drawn.shape[1], drawn.reshape(-1)
    before, after = drawing.before.reshape(-1), drawing.after.reshape(-1)
    for i in range(drawn.shape[0]):
        middle = line.middle + i * line.period
        start = math.floor(middle)
        f = int((middle - start) * DRAWN_PLACES)
        first = start + drawing.first[f]
        for c in range(0, n, LANES):
            _eight(target, i * n + c, light, first, before, after, f * n + c)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def average_lines(drawn: FloatImage, rows: Rows, image: FloatImage) -> int:
    """Average the `drawn` lines `(lines, m)` of each row of the image `(y, x)`; return how many pixels are missing.

    A row has the lines that lie in it, or the nearest where lines are farther apart than rows.
    """
    missing = 0
    half = 0.5 * max(1.0, rows.step)
    count = np.empty(image.shape[1], np.float32)
    for r in range(image.shape[0]):
        among = rows.first - r * rows.step
        image[r] = np.float32(0.0)
        count[:] = np.float32(0.0)
        for i in range(math.ceil(among - half), math.ceil(among + half)):
            for c in range(image.shape[1]):
                known = drawn[i, c] == drawn[i, c]
                image[r, c] += drawn[i, c] if known else np.float32(0.0)
                count[c] += np.float32(1.0) if known else np.float32(0.0)
        for c in range(image.shape[1]):
            known = count[c] > np.float32(0.0)
            image[r, c] = image[r, c] / count[c] if known else np.float32(1.0)
            missing += 0 if known else 1
    return missing
