"""Sums of products of small whole numbers, sixteen at once: what processors do fastest, and compilers do not find."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

AT_ONCE = 16
"""Numbers of one vector."""

_HALF, _WORD = ir.IntType(16), ir.IntType(32)
_HALVES, _SUMS = ir.VectorType(_HALF, AT_ONCE), ir.VectorType(_WORD, AT_ONCE // 2)
_for_range: Any = cgutils.for_range
_room_for: Any = cgutils.alloca_once
_triple_of: Any = types.UniTuple


def _vector_at(builder: Any, data: Any, place: Any) -> Any:
    """Return the vector of 16 bits each that starts at a place, from numbers of 8 or of 16 bits."""
    element = data.type.pointee
    kind = ir.VectorType(element, AT_ONCE)
    pointer = builder.bitcast(builder.gep(data, [place]), kind.as_pointer())
    loaded = builder.load(pointer, align=element.width // 8, typ=kind)
    return loaded if element.width == _HALF.width else builder.sext(loaded, _HALVES)


def _products(builder: Any, a: Any, b: Any) -> Any:
    """Return sums of two neighbouring products each, in the words that LLVM makes one instruction of."""
    wide = ir.VectorType(_WORD, AT_ONCE)
    product = builder.mul(builder.sext(a, wide), builder.sext(b, wide))
    kind = ir.VectorType(ir.IntType(32), AT_ONCE // 2)
    parts = [
        builder.shuffle_vector(product, product, ir.Constant(kind, list(range(first, AT_ONCE, 2)))) for first in (0, 1)
    ]
    return builder.add(*parts)


def _whole(builder: Any, total: Any) -> Any:
    """Return the sum of a vector's lanes."""
    lanes = [builder.extract_element(total, ir.Constant(_WORD, k)) for k in range(AT_ONCE // 2)]
    while len(lanes) > 1:
        lanes = [builder.add(a, b) for a, b in zip(lanes[::2], lanes[1::2], strict=True)]
    return lanes[0]


def _departures(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    flat, at, mask, level, row, whole, rest, base, count = arguments
    samples, masks, levels, wholes, rests = (
        context.make_array(signature.args[k])(context, builder, array).data
        for k, array in ((0, flat), (2, mask), (3, level), (5, whole), (6, rest))
    )
    sums = [_room_for(builder, _SUMS) for _ in range(3)]
    for total in sums:
        builder.store(ir.Constant(_SUMS, [0] * (AT_ONCE // 2)), total)
    with _for_range(builder, count) as loop:
        further = builder.mul(loop.index, ir.Constant(count.type, AT_ONCE))
        taken = builder.and_(
            _vector_at(builder, samples, builder.add(at, further)),
            _vector_at(builder, masks, builder.add(row, further)),
        )
        away = builder.sub(taken, _vector_at(builder, wholes, builder.add(base, further)))
        others = (
            away,
            _vector_at(builder, rests, builder.add(base, further)),
            _vector_at(builder, levels, builder.add(row, further)),
        )
        for total, other in zip(sums, others, strict=True):
            builder.store(builder.add(builder.load(total), _products(builder, away, other)), total)
    return context.make_tuple(builder, signature.return_type, [_whole(builder, builder.load(total)) for total in sums])


def _type_departures(
    _typing: Any, flat: Any, _at: Any, mask: Any, level: Any, _row: Any, whole: Any, rest: Any, _base: Any, _count: Any
) -> Any:
    place = types.int64
    answer = _triple_of(types.int32, 3)
    return answer(flat, place, mask, level, place, whole, rest, place, place), _departures


departures: Any = intrinsic(_type_departures)
"""`departures(flat, at, mask, level, row, whole, rest, base, count)`: how `count` times `AT_ONCE` samples depart.

The departure of sample i is `flat[at + i] & mask[row + i]` less `whole[base + i]`; returned are the sums of its
products with itself, with `rest[base + i]` and with `level[row + i]`, int32. All arrays are flat: the samples of 8 or
16 bits, the others int16. The caller sees to it that all of them are there, and that departures and sums have room.
"""

__all__ = ["AT_ONCE", "departures"]
