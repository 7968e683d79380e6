"""The sealed parts of a data folder: all that is ever copied, because a part never changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from service.errors import RunFolderError
from service.result_set import ResultSet
from service.store.run_files import read_run
from service.store.set_shelf import read_sets
from service.store.tables.parts import Part, sealed_parts
from service.store.tables.result_tables import TABLES


@dataclass(frozen=True)
class SealedPart:
    """One part of a table of a result set."""

    about: ResultSet
    table: str
    part: Part

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What tells it from every other: run, result set and its beginning, table, file."""
        return (self.about.run, self.about.name, self.about.started_at, self.table, self.part.path.name)


def sets_of(folder: Path) -> Iterator[tuple[ResultSet, Path]]:
    """Return the result sets of a run folder that can be read, and where their tables are."""
    try:
        yield ResultSet.of_run(read_run(folder)), folder
    except RunFolderError:
        return
    yield from read_sets(folder)


def parts_of(about: ResultSet, path: Path, *, beside: bool) -> Iterator[SealedPart]:
    """Return the parts of a set; of one that is `beside` the live one, those that its description knows.

    Raises
    ------
    RunFolderError
        If a part is damaged.
    """
    for table in TABLES:
        if (path / table).is_dir():
            for part in sealed_parts(path / table, about.last_event if beside else None):
                yield SealedPart(about, table, part)
