"""A column as keys to sort by: numbers as they are, texts as their places in the alphabet of all that occur."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa

from service.gates.where import Value
from service.store.questions.column_values import ColumnValues, Texts, numbers, texts
from service.store.questions.page_bound import KeyPiece, Keys
from service.store.tables.parts import TableSnapshot

_EXACT = 2**53
"""Whole numbers below it are themselves as float64."""


@dataclass(frozen=True)
class SortKeys:
    """The keys of one column of a table, as it stood at one moment.

    Attributes
    ----------
    kind
        The column's type in Arrow.
    pieces
        Its keys in event order: a piece for each part, and one for the newest rows.
    words
        Of a column of text, what its keys stand for, in order.
    """

    kind: Any
    pieces: tuple[KeyPiece, ...]
    words: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, snapshot: TableSnapshot, kept: ColumnValues, column: Any) -> Self:
        """Return the keys of a column.

        Parameters
        ----------
        snapshot
            The table.
        kept
            Columns that were read before.
        column
            `pyarrow.Field` of numbers, truths or text.
        """
        ends = [(part.first, part.last) for part in snapshot.parts]
        if snapshot.tail is not None:
            ids = snapshot.tail.column("event_id")
            ends.append((ids[0].as_py(), ids[-1].as_py()))
        if not pa.types.is_string(column.type):
            arrays = [kept.of(part, [column.name])[0] for part in snapshot.parts]
            if snapshot.tail is not None:
                arrays.append(numbers(snapshot.tail.column(column.name)))
            return cls(column.type, _pieces(ends, arrays))
        written = [kept.texts(part, column.name) for part in snapshot.parts]
        if snapshot.tail is not None:
            written.append(texts(snapshot.tail.column(column.name)))
        words = sorted({word for one in written for word in one.words})
        return cls(column.type, _pieces(ends, [_places(one, words) for one in written]), words)

    def key(self, value: Value | None) -> float:
        """Return the key of a value that is in the column."""
        if value is None:
            return float("nan")
        return float(bisect_left(self.words, value)) if isinstance(value, str) else float(value)

    def tells(self, key: float) -> bool:
        """Whether a key stands for one value only; whole numbers that are too large for a float share theirs."""
        return not pa.types.is_integer(self.kind) or not abs(key) >= _EXACT

    def value(self, key: float) -> Value:
        """Return the value that a key stands for."""
        if pa.types.is_string(self.kind):
            return self.words[int(key)]
        if pa.types.is_boolean(self.kind):
            return bool(key)
        if pa.types.is_integer(self.kind):
            return int(key)
        return key


def _pieces(ends: list[tuple[int, int]], arrays: list[Keys]) -> tuple[KeyPiece, ...]:
    return tuple(KeyPiece(first, last, keys) for (first, last), keys in zip(ends, arrays, strict=True))


def _places(one: Texts, words: list[str]) -> Keys:
    # What is no text has the code -1, and so the last place of this table.
    table = np.array([*(bisect_left(words, word) for word in one.words), np.nan], np.float32)
    return np.asarray(table[one.codes])
