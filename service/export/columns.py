"""The columns of a run's tables, as formats without lists take them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from service.export.selection import Selection

_LISTS = {"cluster_posteriors": "cluster_posterior", "class_probabilities": "class_probability"}
PLACE = (
    "event_id",
    "epoch",
    "trigger_tick",
    "time_s",
    "speed_m_s",
    "speed_error_m_s",
    "speed_source",
    "flags",
)
"""Columns that say where an event was, and what detection thought of it."""
ANSWER = ("cluster", "cluster_posterior", "class", "class_probability", "conformal", "novelty", "novel", "rejection")
"""Columns that say what the model, or the gate, answered."""
EMBEDDING = {"embedding": re.compile(r"embedding_\d+"), "pca": re.compile(r"pc\d+"), "umap": re.compile(r"umap\d+")}
"""Columns of the embedding, and of maps of it, by what they are."""


@dataclass(frozen=True)
class FlatColumns:
    """Columns without lists: every entry of a list is a column of its own.

    Attributes
    ----------
    lists
        By list column, the columns that its entries become: `cluster_posterior_0`, `class_probability_monocyte`.
    schema
        `pyarrow.Schema` of all of them, list entries last.
    """

    lists: dict[str, tuple[str, ...]]
    schema: Any

    @classmethod
    def of(cls, wanted: Selection) -> FlatColumns:
        """Return the columns of the rows of a selection."""
        rows = wanted.rows
        lists = {name: _entries(name, width, wanted.classes) for name, width in rows.widths().items()}
        single = [field for field in rows.schema if field.name not in lists]
        entries = [pa.field(name, pa.float32()) for names in lists.values() for name in names]
        return cls(lists, pa.schema([*single, *entries]))

    def flatten(self, table: Any) -> Any:
        """Return rows with these columns."""
        columns = {name: table.column(name) for name in table.column_names if name not in self.lists}
        for name, entries in self.lists.items():
            matrix = list_matrix(table.column(name))
            columns |= {entry: pa.array(matrix[:, k]) for k, entry in enumerate(entries)}
        return pa.table(columns).cast(self.schema)

    def tables(self, wanted: Selection) -> Iterator[tuple[int, Any]]:
        """Return the rows of a selection piece by piece, see `RowStream.tables`."""
        for seen, table in wanted.rows.tables():
            yield seen, self.flatten(table)


def numbers(column: Any, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
    """Return a column of numbers as an array, NaN where there is none."""
    if column.null_count:
        column = pc.fill_null(column.cast(pa.float64()), float("nan"))
    return np.asarray(column.to_numpy()).astype(dtype, copy=False)


def list_matrix(column: Any) -> npt.NDArray[np.float32]:
    """Return a column of lists of one length as `(rows, entries)` float32."""
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(values.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(len(values), -1)


def feature_names(schema: Any) -> list[str]:
    """Return the columns of numbers that are neither place nor answer nor embedding: what was measured."""
    known = {*PLACE, *ANSWER}
    return [
        field.name
        for field in schema
        if field.name not in known
        and not any(pattern.fullmatch(field.name) for pattern in EMBEDDING.values())
        and (pa.types.is_floating(field.type) or pa.types.is_integer(field.type))
    ]


def embedding_names(schema: Any) -> dict[str, list[str]]:
    """Return the columns of the embedding and of maps of it, in the order of their axes, by what they are."""
    found = {kind: [name for name in schema.names if pattern.fullmatch(name)] for kind, pattern in EMBEDDING.items()}
    return {kind: names for kind, names in found.items() if names}


def _entries(name: str, width: int, classes: tuple[str, ...]) -> tuple[str, ...]:
    labels = classes if name == "class_probabilities" and len(classes) == width else tuple(map(str, range(width)))
    return tuple(f"{_LISTS.get(name, name)}_{label}" for label in labels)
