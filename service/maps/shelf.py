"""The maps of a result set: principal components, found once of its first cells, and a UMAP, where one was made."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from service.errors import StorageError
from service.maps.linear_map import FEWEST_CELLS, FIRST_CELLS, LinearMap
from service.maps.placed_map import PlacedMap
from service.store.disk import write_sealed
from service.store.questions.column_values import numbers
from service.store.tables.part_table import PartTable

logger = logging.getLogger("lightline.storage")

PCA_JSON = "pca.json"
UMAP_PARQUET = "umap.parquet"
EMBEDDING = "embedding_"
_ID = "event_id"


class Maps:
    """The maps of a table's embedding, from any thread.

    Principal components are found when somebody asks for the first time and enough cells are there. As they are of the
    first cells alone, it does not matter when that is, nor who asks. A UMAP is there as soon as somebody had it made.

    Parameters
    ----------
    folder
        Where they are kept.
    table
        Cells with an embedding.
    complete
        Tells whether no more rows will come.
    """

    def __init__(self, folder: Path, table: PartTable, complete: Callable[[], bool]) -> None:
        self._path = folder / PCA_JSON
        self._placed_path = folder / UMAP_PARQUET
        self._table = table
        self._complete = complete
        self._lock = threading.Lock()
        self._components: LinearMap | None = None
        self._placed: PlacedMap | None = None
        self._damaged = False
        self._hopeless = False

    def all(self) -> tuple[LinearMap | PlacedMap, ...]:
        """Return the maps that there are by now."""
        if self._components is None and not self._hopeless and self._enough():
            with self._lock:
                if self._components is None:
                    self._components = self._kept() or self._made()
        return tuple(one for one in (self._components, self._kept_places()) if one is not None)

    def _enough(self) -> bool:
        rows = self._table.rows
        return rows >= FIRST_CELLS or (rows >= FEWEST_CELLS and self._complete())

    def _kept_places(self) -> PlacedMap | None:
        """Return the UMAP; another process makes it, and what it wrote never changes."""
        if self._placed is None and not self._damaged and self._placed_path.is_file():
            try:
                self._placed = PlacedMap.read(self._placed_path)
            except (OSError, pa.ArrowException, ValueError, KeyError) as problem:
                self._damaged = True
                logger.warning("'%s' is damaged and left out; remove it (%s)", self._placed_path, problem)
        return self._placed

    def _kept(self) -> LinearMap | None:
        if not self._path.is_file():
            return None
        try:
            return LinearMap.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError) as problem:
            logger.warning("'%s' is damaged and made again (%s)", self._path, problem)
            return None

    def _made(self) -> LinearMap | None:
        of = [name for name in self._table.schema.names if name.startswith(EMBEDDING)]
        if len(of) < 2:
            self._hopeless = True
            return None
        embedding, last_event = self._first_cells(of)
        if len(embedding) < FEWEST_CELLS:
            self._hopeless = True
            return None
        made = LinearMap.fit(of, embedding, last_event)
        try:
            write_sealed(self._path, made.model_dump_json(indent=1).encode())
        except StorageError as problem:
            # Of a folder that cannot be written to, they are found again each time it is opened.
            logger.warning("the axes of the embedding were not kept: %s", problem)
        return made

    def _first_cells(self, of: list[str]) -> tuple[npt.NDArray[np.float64], int]:
        """Return the embedding of the first cells that have one, `(n, d)`, and the id of the last of them."""
        snapshot = self._table.snapshot()
        pieces: list[Any] = []
        for part in snapshot.parts:
            if sum(piece.num_rows for piece in pieces) >= FIRST_CELLS:
                break
            pieces.append(pq.read_table(part.path, columns=[_ID, *of]))
        if snapshot.tail is not None:
            pieces.append(snapshot.tail.select([_ID, *of]))
        first = pa.concat_tables(pieces).slice(0, FIRST_CELLS)
        embedding = np.stack([numbers(first.column(name)) for name in of], axis=1).astype(np.float64)
        return embedding[np.isfinite(embedding).all(axis=1)], int(first.column(_ID)[-1].as_py())
