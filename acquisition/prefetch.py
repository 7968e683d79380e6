"""Asking the memory for samples before they are needed."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

CACHE_LINE_BYTES = 64


def _prefetch(_context: Any, array: Any, place: Any) -> Any:
    """Give signature and code of `prefetch`."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, word = ir.PointerType(ir.IntType(8)), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        # To be read, to be kept near, data.
        builder.call(function, [address, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, place), codegen


prefetch: Any = intrinsic(_prefetch)
"""`prefetch(array, place)` begins to fetch what lies there, within the array or not, and does not wait.

Hardware foresees what is read in sequence. Lines lie far apart, and little of each is read.
"""
