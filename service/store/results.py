"""What one model made of the events of a run, and every question that can be asked about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from service.errors import RunFolderError, UnknownCell
from service.gates.book import GateBook
from service.maps.shelf import Maps
from service.result_set import ResultSet, ResultState
from service.run import Run
from service.store.labels import Labels
from service.store.questions.cell_query import CellQuery
from service.store.questions.row_stream import RowStream
from service.store.questions.similar import Similar
from service.store.questions.statistics import Statistics
from service.store.run_files import BUNDLE
from service.store.tables.result_tables import ResultTables


class Judged(Protocol):
    """The run whose events a model judged, as far as what it made of them needs it; a `RunFolder` is one."""

    path: Path
    gates: GateBook
    labels: Labels

    def run(self) -> Run:
        """Return the run, as it was last saved."""

    def event(self, event_id: int) -> Event:
        """Return the event as detection gave it."""

    def image(self, event_id: int, channel: str, *, made_anew: bool = False) -> npt.NDArray[np.float32]:
        """Return the stored image of an event, or one made anew."""


class Results:
    """A result set of a run, read from any thread, also while it is written.

    Parameters
    ----------
    folder
        The run.
    path
        Folder of the set; of the live one, the run's.
    tables
        Its tables.
    about
        What its `result.json` says; None for the live set, of which the run tells.

    Attributes
    ----------
    path
        As above.
    maps
        Axes made of the embedding of the cells.
    cells
        Questions to the cells, whose filters may name the run's gates and labels.
    rejected
        Questions to the events that could not be judged.
    statistics
        Histograms, densities and counts of the cells.
    similar
        Cells by how alike the model finds them.
    """

    def __init__(self, folder: Judged, path: Path, tables: ResultTables, about: ResultSet | None = None) -> None:
        self.path = path
        self._folder = folder
        self._about = about
        self.maps = Maps(path, tables.cells, lambda: self.about.state is ResultState.DONE)
        self.cells = CellQuery(tables.cells, folder.gates, folder.labels, self.maps)
        self.rejected = CellQuery(tables.rejected)
        self.statistics = Statistics(self.cells)
        self.similar = Similar(self.cells)

    @property
    def run(self) -> Run:
        """The run, as it was last saved."""
        return self._folder.run()

    @property
    def about(self) -> ResultSet:
        """Who answered, when, and what became of every event."""
        return self._about or ResultSet.of_run(self.run)

    @property
    def state(self) -> tuple[str | int, ...]:
        """What answers depend on: which set it is, rows and newest events of both tables, labels and gates."""
        return (self.about.started_at, *self.cells.state, *self.rejected.state)

    def event(self, event_id: int) -> Event:
        """Return the event as detection gave it; raises `UnknownCell` if its window is not stored."""
        return self._folder.event(event_id)

    def image(self, event_id: int, channel: str) -> npt.NDArray[np.float32]:
        """Return an image as this set's model was given it; raises as `RunFolder.image` does."""
        return self._folder.image(event_id, channel, made_anew=not self.about.stored_images)

    def cell(self, event_id: int) -> dict[str, Any]:
        """Return everything the tables hold of one event; a `rejection` beside it where it is not a cell.

        Raises
        ------
        UnknownCell
            If neither table has it.
        """
        row = self.cells.row(event_id) or self.rejected.row(event_id)
        if row is None:
            raise UnknownCell(f"There is no event {event_id} in these results; it may be in flight, or was dropped.")
        return row

    def stream(
        self, where: str | None = None, events: Sequence[int] = (), most: int | None = None, *, rejected: bool = False
    ) -> RowStream:
        """Return the rows of cells, or of the events that could not be judged, as a stream: see `RowStream.of`."""
        return RowStream.of(self.rejected if rejected else self.cells, where, events, most)

    def bundle_path(self) -> Path:
        """Return the file of the bundle that answered.

        Raises
        ------
        RunFolderError
            If the folder does not have it.
        """
        path = self.path / BUNDLE
        if not path.is_file():
            raise RunFolderError(f"The folder '{self.path}' has lost its '{BUNDLE}'; copy the bundle back into it.")
        return path

    def close(self) -> None:
        """Give the databases back."""
        self.cells.close()
        self.rejected.close()
