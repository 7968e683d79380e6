"""Columns as arrays, part by part: what plots and sorted pages read again and again is kept in memory for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from service.maps.embedding_map import EmbeddingMap
from service.store.tables.parts import Part

Numbers = npt.NDArray[Any]
Column = TypeVar("Column", Numbers, "Texts")
MOST_BYTES = 160 << 20
"""Three columns of ten million float32."""


def numbers(column: Any) -> Numbers:
    """Return a column of numbers as an array, float32 or else float64, NaN where there is none."""
    return np.asarray(column.to_numpy(), np.float32 if pa.types.is_float32(column.type) else np.float64)


@dataclass(frozen=True)
class Texts:
    """A column of text.

    Attributes
    ----------
    words
        The texts that occur, in any order.
    codes
        `(n,)`: for every row the number of its word, -1 where there is none.
    """

    words: tuple[str, ...]
    codes: npt.NDArray[np.signedinteger[Any]]

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, about."""
        return self.codes.nbytes + sum(len(word) + 64 for word in self.words)


def texts(column: Any) -> Texts:
    """Return a column of text, whether it is encoded by a dictionary or not."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    whole = encoded.combine_chunks()
    words = tuple(whole.dictionary.to_pylist())
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Texts(words, codes.astype(np.min_scalar_type(-1 - len(words))))


@dataclass(frozen=True)
class Piece:
    """Columns of some rows: how many there are, and what gives their values, an array for each column."""

    rows: int
    read: Callable[[], tuple[Numbers, ...]]


class ColumnValues:
    """Columns of sealed parts, from any thread; parts never change, so that what was read once holds."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, part: Part, names: Sequence[str], maps: Sequence[EmbeddingMap] = ()) -> tuple[Numbers, ...]:
        """Return these columns of numbers of a part, those of maps of its embedding among them."""
        return self._found(part, names, lambda missing: _read_numbers(part, missing, maps))

    def texts(self, part: Part, name: str) -> Texts:
        """Return a column of text of a part."""
        return self._found(part, [name], lambda missing: {name: texts(_read(part, missing).column(name))})[0]

    def _found(
        self, part: Part, names: Sequence[str], read_missing: Callable[[list[str]], dict[str, Column]]
    ) -> tuple[Column, ...]:
        place = str(part.path)
        with self._lock:
            found = {name: self._kept[place, name] for name in names if (place, name) in self._kept}
            for name in found:
                self._kept.move_to_end((place, name))
        missing = [name for name in dict.fromkeys(names) if name not in found]
        if missing:
            read = read_missing(missing)
            self._keep({(place, name): values for name, values in read.items()})
            found |= read
        return tuple(found[name] for name in names)

    def _keep(self, read: dict[tuple[str, str], Any]) -> None:
        with self._lock:
            for key, values in read.items():
                if key not in self._kept:
                    self._kept[key] = values
                    self._bytes += values.nbytes
            while self._bytes > self._most_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= dropped.nbytes


def _read(part: Part, names: Sequence[str]) -> Any:
    with pq.ParquetFile(part.path, memory_map=True, read_dictionary=list(names)) as file:
        return file.read(list(names), use_threads=False)


def _read_numbers(part: Part, names: Sequence[str], maps: Sequence[EmbeddingMap]) -> dict[str, Numbers]:
    mapped = {one: [name for name in names if name in one.columns] for one in maps}
    made = {name for wanted in mapped.values() for name in wanted}
    stored = [name for name in names if name not in made]
    sources = [name for one, wanted in mapped.items() if wanted for name in one.of]
    table = _read(part, list(dict.fromkeys([*stored, *sources])))
    found = {name: numbers(table.column(name)) for name in stored}
    for one, wanted in mapped.items():
        if wanted:
            found |= one.of_columns([numbers(table.column(name)) for name in one.of], wanted)
    return found
