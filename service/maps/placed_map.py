"""A map that is stored: places of the cells that were mapped, by their event ids, in a file beside a result set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from service.store.disk import write_sealed
from service.store.questions.column_values import Numbers, numbers

_ABOUT = b"lightline-map"
_ID = "event_id"


class UmapAbout(BaseModel):
    """How a UMAP was made, as its file and the API say."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    format: Literal["lightline-map/1"] = "lightline-map/1"
    kind: Literal["umap"] = "umap"
    columns: tuple[str, ...] = ("umap1", "umap2")
    """Names of the columns that it gives, float32; only near and far mean something, no length and no direction."""
    of: tuple[str, ...]
    """Columns of the embedding."""
    cells: int
    """So many have a place, spread evenly over the result set; the others have none."""
    fitted: int
    """So many of those shaped the map; the others were laid into it."""
    neighbours: int
    """Of a cell that were looked at."""
    distance: float
    """Least distance of cells in the map."""
    seed: int
    software: str
    """Library and version."""


@dataclass(frozen=True, eq=False)
class PlacedMap:
    """A stored map.

    Attributes
    ----------
    path
        Its file.
    about
        How it was made.
    events
        `(n,)` uint64, the cells that have a place, in order.
    places
        `(n, axes)` float32.
    """

    path: Path
    about: UmapAbout
    events: npt.NDArray[np.uint64]
    places: npt.NDArray[np.float32]

    of = (_ID,)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file of a map.

        Raises
        ------
        OSError, pyarrow.ArrowException, ValueError, KeyError
            If it is missing or damaged.
        """
        table = pq.read_table(path)
        about = UmapAbout.model_validate_json(table.schema.metadata[_ABOUT])
        places = np.stack([table.column(name).to_numpy() for name in about.columns], axis=1)
        return cls(path, about, table.column(_ID).to_numpy(), places.astype(np.float32, copy=False))

    def write(self) -> None:
        """Write the file; raises `StorageError`."""
        columns = {name: pa.array(self.places[:, k]) for k, name in enumerate(self.about.columns)}
        table = pa.table({_ID: pa.array(self.events), **columns})
        about = table.replace_schema_metadata({_ABOUT: self.about.model_dump_json()})
        write_sealed(self.path, partial(pq.write_table, about))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it gives."""
        return self.about.columns

    @property
    def fields(self) -> tuple[Any, ...]:
        """The columns as `pyarrow.Field`s."""
        return tuple(pa.field(name, pa.float32()) for name in self.columns)

    def identified(self) -> str:
        """Return a digest: two maps of one digest put a cell at the same place."""
        content = self.about.model_dump_json().encode() + self.events.tobytes() + self.places.tobytes()
        return hashlib.sha256(content).hexdigest()[:16]

    def over(self, cells: str) -> str:
        """Return SQL that gives the rows of other SQL, and these columns behind them."""
        made = ", ".join(f'placed."{name}"' for name in self.columns)
        file = str(self.path).replace("'", "''")
        return (
            f"SELECT measured.*, {made} FROM ({cells}) measured LEFT JOIN read_parquet('{file}') placed USING ({_ID})"
        )

    def of_columns(self, columns: Sequence[Numbers], names: Sequence[str]) -> dict[str, Numbers]:
        """Return columns of the map, `(n,)` float32 each, NaN for cells without a place.

        Parameters
        ----------
        columns
            The event ids alone.
        names
            Columns of the map that are wanted.
        """
        events = columns[0].astype(np.uint64)
        rows = np.minimum(np.searchsorted(self.events, events), max(len(self.events) - 1, 0))
        known = self.events[rows] == events
        return {name: np.where(known, self.places[rows, self.columns.index(name)], np.float32("nan")) for name in names}

    def of_rows(self, rows: Any) -> Any:
        """Return the rows of a `pyarrow.Table` with these columns behind them."""
        made = self.of_columns([numbers(rows.column(_ID))], self.columns)
        for field in self.fields:
            rows = rows.append_column(field, pa.array(made[field.name], mask=np.isnan(made[field.name])))
        return rows
