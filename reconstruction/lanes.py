"""Eight pixels at once: the one step of the light sheet's kernels that a compiler does not turn into vectors itself."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

LANES = 8
"""Pixels of one vector; two of SSE or NEON where the processor has no AVX."""

_declared: Any = get_or_insert_function
_VECTOR = ir.VectorType(ir.FloatType(), LANES)


def _everywhere(builder: Any, number: Any) -> Any:
    """Return a vector of this number."""
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    nowhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, first, nowhere)


def _call(builder: Any, name: str, *arguments: Any) -> Any:
    """Call LLVM's own function of that name on vectors."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(arguments))
    return builder.call(_declared(builder.module, kind, f"{name}.v{LANES}f32"), arguments)


def _add_triangle(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    sums, at, width, rows, away, slope = arguments
    data = context.make_array(signature.args[0])(context, builder, sums).data
    lanes = ir.Constant(_VECTOR, [float(j) for j in range(LANES)])
    far = _call(builder, "llvm.fabs", builder.fadd(lanes, _everywhere(builder, away)))
    one, zero = ir.Constant(_VECTOR, [1.0] * LANES), ir.Constant(_VECTOR, [0.0] * LANES)
    height = _call(builder, "llvm.fma", builder.fneg(far), _everywhere(builder, slope), one)
    height = builder.select(builder.fcmp_ordered(">", height, zero), height, zero)
    for k in range(signature.args[3].count):
        place = builder.add(at, builder.mul(width, ir.Constant(width.type, k)))
        pointer = builder.bitcast(builder.gep(data, [place]), _VECTOR.as_pointer())
        amount = _everywhere(builder, builder.extract_value(rows, k))
        laid = _call(builder, "llvm.fma", height, amount, builder.load(pointer, align=4, typ=_VECTOR))
        builder.store(laid, pointer, align=4)
    return context.get_dummy_value()


def _type_add_triangle(_typing: Any, sums: Any, _at: Any, _width: Any, rows: Any, _away: Any, _slope: Any) -> Any:
    return types.void(sums, types.int64, types.int64, rows, types.float32, types.float32), _add_triangle


add_triangle: Any = intrinsic(_type_add_triangle)
"""`add_triangle(sums, at, width, rows, away, slope)`: add a triangle to rows of the flat `sums`, float32.

`LANES` pixels from `at` on get the triangle times `rows[0]`, those `width` further on the triangle times `rows[1]`, and
so on. The first pixel is `away` from the triangle's middle, and its sides fall by `slope` a pixel from 1 to 0. The
caller sees to it that all of them are there.
"""


def _weigh(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    row, at, shares, place, amounts, more = arguments
    target = context.make_array(signature.args[0])(context, builder, row).data
    source = context.make_array(signature.args[2])(context, builder, shares).data
    pointer = builder.bitcast(builder.gep(target, [at]), _VECTOR.as_pointer())
    before = builder.load(pointer, align=4, typ=_VECTOR)
    total = builder.select(more, before, ir.Constant(_VECTOR, [0.0] * LANES))
    for k in range(signature.args[4].count):
        there = builder.gep(source, [builder.add(place, ir.Constant(place.type, k * LANES))])
        share = builder.load(builder.bitcast(there, _VECTOR.as_pointer()), align=4, typ=_VECTOR)
        total = _call(builder, "llvm.fma", share, _everywhere(builder, builder.extract_value(amounts, k)), total)
    builder.store(total, pointer, align=4)
    return context.get_dummy_value()


def _type_weigh(_typing: Any, row: Any, _at: Any, shares: Any, _place: Any, amounts: Any, _more: Any) -> Any:
    return types.void(row, types.int64, shares, types.int64, amounts, types.boolean), _weigh


weigh: Any = intrinsic(_type_weigh)
"""`weigh(row, at, shares, place, amounts, more)`: set `LANES` pixels of the flat `row` from `at` on, float32.

They become the sum over k of `amounts[k]` times the vector that starts at `place + k * LANES` of the flat `shares`, and
with `more` what they were besides. The caller sees to it that all of them are there.
"""

__all__ = ["LANES", "add_triangle", "weigh"]
