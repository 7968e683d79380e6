"""Eight numbers at once: the steps of the images' kernels that a compiler does not turn into vectors itself."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8
"""Pixels of one vector; two of SSE or NEON where the processor has no AVX."""

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_declared: Any = cgutils.get_or_insert_function
_for_range: Any = cgutils.for_range
_room_for: Any = cgutils.alloca_once
_pair_of: Any = types.UniTuple


def _everywhere(builder: Any, number: Any) -> Any:
    """Return a vector of this number."""
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    nowhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, first, nowhere)


def _fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c of vectors."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    return builder.call(_declared(builder.module, kind, f"llvm.fma.v{LANES}f32"), [a, b, c])


def _vector_at(builder: Any, data: Any, place: Any) -> Any:
    """Return the vector that starts at a place."""
    pointer = builder.bitcast(builder.gep(data, [place]), _VECTOR.as_pointer())
    return builder.load(pointer, align=4, typ=_VECTOR)


def _zeros(builder: Any, count: int) -> list[Any]:
    """Return places of vectors to sum up in."""
    sums = [_room_for(builder, _VECTOR) for _ in range(count)]
    for total in sums:
        builder.store(ir.Constant(_VECTOR, [0.0] * LANES), total)
    return sums


def _blend(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    target, ats, shares, place, source, starts, count = arguments
    out, weights, values = (
        context.make_array(signature.args[k])(context, builder, array).data
        for k, array in ((0, target), (2, shares), (4, source))
    )
    sums = _zeros(builder, signature.args[1].count)
    with _for_range(builder, count) as loop:
        share = _vector_at(
            builder, weights, builder.add(place, builder.mul(loop.index, ir.Constant(count.type, LANES)))
        )
        for k, total in enumerate(sums):
            start = builder.extract_value(starts, k)
            value = builder.load(builder.gep(values, [builder.add(start, loop.index)]))
            builder.store(_fused(builder, share, _everywhere(builder, value), builder.load(total)), total)
    for k, total in enumerate(sums):
        pointer = builder.bitcast(builder.gep(out, [builder.extract_value(ats, k)]), _VECTOR.as_pointer())
        builder.store(builder.load(total), pointer, align=4)
    return context.get_dummy_value()


def _type_blend(
    _typing: Any, target: Any, ats: Any, shares: Any, _place: Any, source: Any, starts: Any, _count: Any
) -> Any:
    return types.void(target, ats, shares, types.int64, source, starts, types.int64), _blend


blend: Any = intrinsic(_type_blend)
"""`blend(target, ats, shares, place, source, starts, count)`: weighted sums of numbers, `LANES` pixels each, float32.

For every k, the pixels of the flat `target` from `ats[k]` on become the sum over j < count of the number at
`starts[k] + j` of the flat `source` times the vector that starts at `place + j * LANES` of the flat `shares`. The
caller sees to it that all of them are there.
"""


def _interleaved(builder: Any, low: Any, high: Any, width: int) -> tuple[Any, Any]:
    """Exchange groups of `width` lanes of two vectors: the first of each pair go low, the others high."""
    kind = ir.VectorType(ir.IntType(32), LANES)
    lanes = [j // (2 * width) * 2 * width + j % width for j in range(LANES)]
    towards = [LANES if j % (2 * width) >= width else 0 for j in range(LANES)]
    first = ir.Constant(kind, [a + b for a, b in zip(lanes, towards, strict=True)])
    second = ir.Constant(kind, [a + b + width for a, b in zip(lanes, towards, strict=True)])
    return builder.shuffle_vector(low, high, first), builder.shuffle_vector(low, high, second)


def _turn(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    target, at, rise, source, start, step = arguments
    out, values = (
        context.make_array(signature.args[k])(context, builder, array).data for k, array in ((0, target), (3, source))
    )
    rows = [
        _vector_at(builder, values, builder.add(start, builder.mul(step, ir.Constant(step.type, k))))
        for k in range(LANES)
    ]
    width = 1
    while width < LANES:
        for k in range(LANES):
            if k & width == 0:
                rows[k], rows[k + width] = _interleaved(builder, rows[k], rows[k + width], width)
        width *= 2
    for k, row in enumerate(rows):
        place = builder.add(at, builder.mul(rise, ir.Constant(rise.type, k)))
        pointer = builder.bitcast(builder.gep(out, [place]), _VECTOR.as_pointer())
        builder.store(row, pointer, align=4)
    return context.get_dummy_value()


def _type_turn(_typing: Any, target: Any, _at: Any, _rise: Any, source: Any, _start: Any, _step: Any) -> Any:
    place = types.int64
    return types.void(target, place, place, source, place, place), _turn


turn: Any = intrinsic(_type_turn)
"""`turn(target, at, rise, source, start, step)`: transpose a square of `LANES` by `LANES` pixels, float32.

Pixel `start + j * step + k` of the flat `source` goes to `at + k * rise + j` of the flat `target`. The caller sees to
it that all of them are there.
"""


def _mix(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    target, at, shares, place, source, start, step, count = arguments
    out, weights, values = (
        context.make_array(signature.args[k])(context, builder, array).data
        for k, array in ((0, target), (2, shares), (4, source))
    )
    (total,) = _zeros(builder, 1)
    with _for_range(builder, count) as loop:
        further = builder.mul(loop.index, step)
        share = _vector_at(builder, weights, builder.add(place, further))
        value = _vector_at(builder, values, builder.add(start, further))
        builder.store(_fused(builder, share, value, builder.load(total)), total)
    pointer = builder.bitcast(builder.gep(out, [at]), _VECTOR.as_pointer())
    builder.store(builder.load(total), pointer, align=4)
    return context.get_dummy_value()


def _type_mix(
    _typing: Any, target: Any, _at: Any, shares: Any, _place: Any, source: Any, _start: Any, _step: Any, _count: Any
) -> Any:
    place = types.int64
    return types.void(target, place, shares, place, source, place, place, place), _mix


mix: Any = intrinsic(_type_mix)
"""`mix(target, at, shares, place, source, start, step, count)`: weighted sum of vectors, float32.

The `LANES` pixels of the flat `target` from `at` on become the sum over j < count of the vector that starts at
`start + j * step` of the flat `source` times the one at `place + j * step` of the flat `shares`. The caller sees to it
that all of them are there.
"""


def _met(builder: Any, values: Any, kept: Any) -> Any:
    """Return the vector `kept` where `values` are numbers, and 0 where they are not."""
    return builder.select(builder.fcmp_ordered("ord", values, values), kept, ir.Constant(_VECTOR, [0.0] * LANES))


def _add_up(builder: Any, total: Any) -> Any:
    """Return the sum of a vector's lanes."""
    width = LANES // 2
    while width:
        other = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [(j + width) % LANES for j in range(LANES)])
        total = builder.fadd(total, builder.shuffle_vector(total, total, other))
        width //= 2
    return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))


def _about(skip: bool) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, start, firsts, at, shares, place, count = arguments
        values, firsts_data, weights = (
            context.make_array(signature.args[k])(context, builder, array).data
            for k, array in ((0, source), (2, firsts), (4, shares))
        )
        sums, wholes = _zeros(builder, 2), _zeros(builder, 2)
        with _for_range(builder, builder.udiv(count, ir.Constant(count.type, 2))) as loop:
            # Two sums in turn: each would wait for itself otherwise.
            for k in range(2):
                run = builder.add(builder.mul(loop.index, ir.Constant(count.type, 2)), ir.Constant(count.type, k))
                first = builder.load(builder.gep(firsts_data, [builder.add(at, run)]))
                value = _vector_at(builder, values, builder.add(start, first))
                share = _vector_at(
                    builder, weights, builder.add(place, builder.mul(run, ir.Constant(count.type, LANES)))
                )
                if skip:
                    share = _met(builder, value, share)
                    builder.store(builder.fadd(builder.load(wholes[k]), share), wholes[k])
                    value = _met(builder, value, value)
                builder.store(_fused(builder, share, value, builder.load(sums[k])), sums[k])
        parts = [
            _add_up(builder, builder.fadd(builder.load(first), builder.load(second)))
            for first, second in (sums, wholes)
        ]
        return context.make_tuple(builder, signature.return_type, parts) if skip else parts[0]

    return build


def _type_about(skip: bool) -> Any:
    def typed(
        _typing: Any, source: Any, _start: Any, firsts: Any, _at: Any, shares: Any, _place: Any, _count: Any
    ) -> Any:
        whole = types.int64
        answer = _pair_of(types.float32, 2) if skip else types.float32
        return answer(source, whole, firsts, whole, shares, whole, whole), _about(skip)

    return typed


about: Any = intrinsic(_type_about(skip=False))
"""`about(source, start, firsts, at, shares, place, count)`: weighted sum of `count` runs of `LANES` numbers.

Run j begins at `start + firsts[at + j]` of the flat `source`, and its shares at `place + j * LANES` of the flat
`shares`; both are float32, and `firsts` is flat int64. The caller sees to it that `count` is even and that
all of them are there.
"""

about_met: Any = intrinsic(_type_about(skip=True))
"""Like `about`, of those numbers alone that are not NaN; returns the sum and the sum of the shares that counted."""

__all__ = ["LANES", "about", "about_met", "blend", "mix", "turn"]
