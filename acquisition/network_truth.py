"""The truth on the wire: columns of numbers, flags and text in one msgpack map."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import msgpack
import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError, ProtocolError
from acquisition.source import Truth
from acquisition.truth_table import checked_truth

MOST_COLUMNS = 256
MOST_AXES = 4
CHUNK_BYTES = 16 << 20
_TYPE = re.compile(r"[|<]([bi]1|u1|[iu][248]|f[248]|S[0-9]{1,4})")

Columns = dict[str, npt.NDArray[np.generic]]


def pack_columns(truth: Truth) -> bytes:
    """Return a table as bytes: a map from the name of a column to its type, shape and elements."""
    packed = {}
    for name, column in checked_truth(truth).items():
        plain = np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<"), copy=False)
        packed[name] = [plain.dtype.str, list(plain.shape), plain.tobytes()]
    return bytes(msgpack.packb(packed))


def unpack_columns(data: bytes) -> Columns:
    """Return the table that bytes hold.

    Raises
    ------
    ProtocolError
        If they hold none.
    """
    try:
        packed = msgpack.unpackb(data, max_map_len=MOST_COLUMNS)
        columns = {str(name): _column(*entry) for name, entry in packed.items()}
        return checked_truth(columns)
    except ConfigError as error:
        raise ProtocolError(f"A TRUTH message is not valid: {error}") from None
    except (ValueError, TypeError, AttributeError, msgpack.UnpackException) as error:
        raise ProtocolError(f"A TRUTH message is not a table ({error}).") from None


def row_chunks(truth: Truth) -> Iterator[Truth]:
    """Cut a table into parts that fit a message each; at least one, which may be empty."""
    rows = len(next(iter(truth.values()), ()))
    row_bytes = sum(math.ceil(column.nbytes / max(1, rows)) for column in truth.values())
    step = max(1, CHUNK_BYTES // max(1, row_bytes))
    for begin in range(0, max(1, rows), step):
        yield {name: column[begin : begin + step] for name, column in truth.items()}


def joined(first: Truth, second: Truth) -> Columns:
    """Return the rows of two tables of the same columns; the second alone where the first has none.

    Raises
    ------
    ProtocolError
        If the columns differ.
    """
    if not first:
        return dict(second)
    if first.keys() != second.keys():
        raise ProtocolError("The columns of the truth have changed in mid-stream.")
    try:
        return {name: np.concatenate([first[name], second[name]]) for name in first}
    except (TypeError, ValueError):
        raise ProtocolError("The columns of the truth have changed in mid-stream.") from None


def _column(type_: object, shape: object, elements: object) -> npt.NDArray[np.generic]:
    if not isinstance(type_, str) or not _TYPE.fullmatch(type_) or not isinstance(elements, bytes):
        raise ValueError(f"a column of type {type_!r}")
    if not isinstance(shape, list) or not 1 <= len(shape) <= MOST_AXES:
        raise ValueError(f"a column of shape {shape!r}")
    column: npt.NDArray[np.generic] = np.frombuffer(elements, np.dtype(type_)).reshape([int(axis) for axis in shape])
    return column
