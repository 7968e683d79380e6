"""What kind of column the server has for each of Arrow's, and as what its values travel."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def carried_kind(kind: Any) -> Any:
    """Return the Arrow type as which a column of some type travels; wide enough for what is unsigned here."""
    if pa.types.is_list(kind):
        return pa.list_(carried_kind(kind.value_type))
    if pa.types.is_boolean(kind):
        return pa.bool_()
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float32() if kind.bit_width <= 32 else pa.float64()
    return pa.string()


def server_kind(kind: Any) -> str:
    """Return the type of the server for a type of Arrow, as the server calls it."""
    carried = carried_kind(kind)
    if pa.types.is_list(carried):
        return f"{server_kind(carried.value_type)}[]"
    return _NAMES[carried]


_NAMES = {
    pa.bool_(): "boolean",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.string(): "text",
}
