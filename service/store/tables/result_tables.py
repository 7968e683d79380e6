"""The two tables of a result set: cells with answers, and events that could not be judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from inference.results import CellResults
from reconstruction.images import CellImages
from service.store.steps import Rest, no_rest
from service.store.tables.cell_rows import AnswerNames
from service.store.tables.followed_table import FollowedTable
from service.store.tables.later_rows import CellRows, RejectedRows
from service.store.tables.part_table import Mark, PartTable

CELLS, REJECTED = TABLES = "cells", "rejected"


@dataclass(frozen=True)
class ResultTables:
    """Both tables.

    Attributes
    ----------
    cells, rejected
        The tables.
    sample_rate_hz
        Of the instrument: ticks become seconds with it.
    names
        What the bundle's answers mean.
    """

    cells: PartTable
    rejected: PartTable
    sample_rate_hz: float
    names: AnswerNames

    @classmethod
    def create(cls, path: Path, sample_rate_hz: float, names: AnswerNames) -> Self:
        """Make the folders of new, empty tables."""
        return cls(PartTable.create(path / CELLS), PartTable.create(path / REJECTED), sample_rate_hz, names)

    @classmethod
    def open(
        cls, path: Path, sample_rate_hz: float, names: AnswerNames | None = None, up_to: int | None = None
    ) -> Self:
        """Open the tables of a result set, to read them; with names, also to go on writing.

        Parameters
        ----------
        up_to
            Leave parts out that begin behind this event; None takes all.

        Raises
        ------
        RunFolderError
            If a part is damaged.
        """
        tables = PartTable.open(path / CELLS, up_to), PartTable.open(path / REJECTED, up_to)
        return cls(*tables, sample_rate_hz, names or AnswerNames())

    @classmethod
    def follow(cls, path: Path, sample_rate_hz: float) -> Self:
        """Follow the tables that another process writes."""
        return cls(FollowedTable(path / CELLS), FollowedTable(path / REJECTED), sample_rate_hz, AnswerNames())

    def rows(self, images: CellImages, results: CellResults) -> CellRows:
        """Return the rows that cells with their answers are stored as."""
        return CellRows.of(images, results, self.names, self.sample_rate_hz)

    def append_rejected(self, images: CellImages) -> None:
        """Take events that cannot be judged."""
        self.rejected.append_later(RejectedRows.of(images, self.sample_rate_hz))

    def due(self) -> bool:
        """Tell whether the newest rows should be kept."""
        return self.cells.due() or self.rejected.due()

    def mark(self, rest: Rest = no_rest) -> tuple[Mark, Mark]:
        """Return how far both tables have come, for `keep`; `rest` is called now and then meanwhile."""
        return self.cells.mark(rest), self.rejected.mark(rest)

    def keep(self, marks: tuple[Mark, Mark], rest: Rest = no_rest) -> None:
        """Make the rows up to the marks safe against a crash; raises `StorageError`, and they stay in memory."""
        self.cells.keep(marks[0])
        rest()
        self.rejected.keep(marks[1])

    def seal(self) -> None:
        """Write the rows in memory as parts; raises as `keep` does."""
        self.cells.seal()
        self.rejected.seal()

    def discard_unsafe(self) -> tuple[int, list[str]]:
        """Give up the rows that could not be kept; return how many cells, and the reasons of the rejected."""
        cells, rejected = self.cells.discard_unsafe(), self.rejected.discard_unsafe()
        reasons: list[str] = [] if rejected is None else rejected.column("rejection").to_pylist()
        return (0 if cells is None else int(cells.num_rows)), reasons

    def files(self) -> dict[str, list[str]]:
        """Return the names of the sealed parts by table, relative to the folder of the set."""
        named: dict[str, list[Any]] = {CELLS: self.cells.file_names(), REJECTED: self.rejected.file_names()}
        return {table: names for table, names in named.items() if names}

    def close(self) -> None:
        """Give the files back; what was not kept is lost."""
        self.cells.close()
        self.rejected.close()
