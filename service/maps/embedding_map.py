"""What the store needs of a map of the embedding, whatever kind of map it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy.typing as npt


class EmbeddingMap(Protocol):
    """Gives the rows of a table columns that are not stored in its parts, the same for a cell wherever it is asked."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it gives, float32."""

    @property
    def of(self) -> tuple[str, ...]:
        """Stored columns that these are made of."""

    @property
    def fields(self) -> tuple[Any, ...]:
        """The columns as `pyarrow.Field`s."""

    def identified(self) -> str:
        """Return a digest: two maps of one digest put a cell at the same place."""

    def over(self, cells: str) -> str:
        """Return SQL that gives the rows of other SQL, and these columns behind them."""

    def of_columns(self, columns: Sequence[npt.NDArray[Any]], names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Return columns of the map, `(n,)` float32 each, of those that it is made of, in the order of `of`."""

    def of_rows(self, rows: Any) -> Any:
        """Return the rows of a `pyarrow.Table` with these columns behind them."""
