"""Principal components of the embedding of a run's first cells: a linear map, the same for every cell of the run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from service.gates.scales import number
from service.store.questions.column_values import Numbers, numbers

FIRST_CELLS = 2000
"""Cells that components are found of: the direction of a component is then known to a few degrees."""
FEWEST_CELLS = 3
"""Of a run that ended with fewer than those, so many will do."""
MOST_COMPONENTS = 4
_DIGITS = 12


class LinearMap(BaseModel):
    """A linear map, as `pca.json` and the API show it; `columns[k]` is the sum of `axes[k] * (of - mean)`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    format: Literal["lightline-map/1"] = "lightline-map/1"
    kind: Literal["pca"] = "pca"
    columns: tuple[str, ...]
    """Names of the columns that it gives, float32 in latent units, the one along which cells spread most first."""
    of: tuple[str, ...]
    """Columns of the embedding."""
    mean: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]
    """One by column, of length one and at right angles; the largest number of each is positive."""
    variance_share: tuple[float, ...]
    """How much of the variance of the embedding is along each, 0 to 1."""
    cells: int
    """The first so many of the run were looked at."""
    last_event: int
    """The last of them."""

    @classmethod
    def fit(cls, of: Sequence[str], embedding: npt.NDArray[np.floating[Any]], last_event: int) -> Self:
        """Find the components of cells by the eigenvectors of their covariance.

        Parameters
        ----------
        of
            Columns of the embedding.
        embedding
            `(n, d)`, latent units, without NaN.
        last_event
            Id of the last of these cells.
        """
        mean = embedding.mean(axis=0, dtype=np.float64)
        covariance = np.cov(embedding, rowvar=False, dtype=np.float64)
        variances, vectors = np.linalg.eigh(covariance)
        count = min(MOST_COMPONENTS, len(of))
        axes = vectors.T[::-1][:count]
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
        axes = axes * np.sign(largest)
        shares = np.maximum(variances[::-1][:count], 0.0) / max(float(np.trace(covariance)), 1e-30)
        return cls(
            columns=tuple(f"pc{k + 1}" for k in range(count)),
            of=tuple(of),
            mean=tuple(_rounded(mean)),
            axes=tuple(tuple(_rounded(axis)) for axis in axes),
            variance_share=tuple(_rounded(shares)),
            cells=len(embedding),
            last_event=last_event,
        )

    def identified(self) -> str:
        """Return a digest: two maps of one digest put a cell at the same place."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    @property
    def fields(self) -> tuple[Any, ...]:
        """The columns as `pyarrow.Field`s."""
        return tuple(pa.field(name, pa.float32()) for name in self.columns)

    def over(self, cells: str) -> str:
        """Return SQL that gives the rows of other SQL, and these columns behind them."""
        made = ", ".join(f'({self._sum(axis)})::FLOAT AS "{name}"' for name, axis in self._named())
        return f"SELECT *, {made} FROM ({cells})"

    def of_columns(self, columns: Sequence[Numbers], names: Sequence[str]) -> dict[str, Numbers]:
        """Return columns of the map, `(n,)` float32 each, to the bit as SQL gives them.

        Parameters
        ----------
        columns
            Those that it is made of, in their order, `(n,)` each.
        names
            Columns of the map that are wanted.
        """
        axes = dict(self._named())
        found = {}
        for name in names:
            total = np.zeros(len(columns[0]))
            for weight, middle, values in zip(axes[name], self.mean, columns, strict=True):
                total += weight * (values.astype(np.float64) - middle)
            found[name] = total.astype(np.float32)
        return found

    def of_rows(self, rows: Any) -> Any:
        """Return the rows of a `pyarrow.Table` with these columns behind them."""
        made = self.of_columns([numbers(rows.column(name)) for name in self.of], self.columns)
        for field in self.fields:
            rows = rows.append_column(field, pa.array(made[field.name], mask=np.isnan(made[field.name])))
        return rows

    def _named(self) -> list[tuple[str, tuple[float, ...]]]:
        return list(zip(self.columns, self.axes, strict=True))

    def _sum(self, axis: tuple[float, ...]) -> str:
        terms = (
            f'{number(weight)} * ("{name}"::DOUBLE - {number(middle)})'
            for weight, middle, name in zip(axis, self.mean, self.of, strict=True)
        )
        return " + ".join(("0.0::DOUBLE", *terms))


def _rounded(values: npt.NDArray[np.float64]) -> list[float]:
    """Return numbers without the last digits, which differ from one library of linear algebra to another."""
    return [float(f"{value:.{_DIGITS}g}") for value in values]
