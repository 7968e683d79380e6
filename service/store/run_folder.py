"""A run as a folder: its description, raw windows, images, tables, model and truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from inference.results import CellResults
from reconstruction.images import CellImages
from service.gates.book import GateBook
from service.result_set import LIVE, ResultSet
from service.run import Run
from service.store.disk import storage_errors, write_sealed
from service.store.events.event_stores import EventStores
from service.store.events.window_store import EVENT
from service.store.labels import Labels
from service.store.results import Results
from service.store.run_files import BUNDLE, MIXTURES, RUN_JSON, RunFile, list_files, write_truth
from service.store.set_shelf import SetShelf
from service.store.steps import Rest, no_rest
from service.store.tables.cell_rows import AnswerNames
from service.store.tables.later_rows import CellRows
from service.store.tables.result_tables import ResultTables
from service.store.use import Use


class RunFolder:
    """One run on disk. One thread appends, one keeps and seals, one saves the run; any number ask meanwhile."""

    def __init__(
        self,
        path: Path,
        run: Run,
        tables: ResultTables,
        events: EventStores,
        gates: GateBook,
        labels: Labels,
    ) -> None:
        self.path = path
        self.gates = gates
        self.labels = labels
        self._run = run
        self._tables = tables
        self._events = events
        self._results = Results(self, path, tables)
        self._sets = SetShelf(self)
        self._use: Use | None = None

    @classmethod
    def create(cls, root: Path, run: Run, names: AnswerNames | None = None, bundle: bytes = b"") -> Self:
        """Make the folder of a new run under `root`, to be written to.

        Parameters
        ----------
        names
            What the bundle's answers mean.
        bundle
            The bundle file, kept so that the run's cells can be explained later.

        Raises
        ------
        StorageError
            If the disk does not take it.
        """
        path = root / run.id
        with storage_errors(root):
            path.mkdir(parents=True)
            tables = ResultTables.create(path, run.instrument.sample_rate_hz, names or AnswerNames())
        folder = cls(path, run, tables, EventStores.create(path, run), GateBook(path), Labels(path))
        if bundle:
            write_sealed(path / BUNDLE, bundle)
        folder.save_run(run)
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the folder of a run to read it, and keep it from being removed until it is closed.

        Raises
        ------
        RunFolderError
            If it is missing or damaged.
        """
        use = Use(path)
        try:
            folder = cls.over(RunFile(path))
        except BaseException:
            use.end()
            raise
        folder._use = use
        return folder

    @classmethod
    def over(cls, file: RunFile) -> Self:
        """Open a folder that may go, and whose `run.json` may have been read before; raises as `open` does."""
        path, run = file.folder, file.run()
        tables = ResultTables.open(path, run.instrument.sample_rate_hz)
        return cls(path, run, tables, EventStores.open(path, run), GateBook.open(path), Labels.open(path))

    def run(self) -> Run:
        """Return the run as it was last saved."""
        return self._run

    def save_run(self, run: Run) -> None:
        """Write `run.json`, whole or not at all.

        Raises
        ------
        StorageError
            If the disk does not take it; the run in memory is the new one all the same.
        """
        self._run = run
        write_sealed(self.path / RUN_JSON, run.model_dump_json(indent=1).encode())

    def save_mixtures(self, document: bytes) -> None:
        """Write `mixtures.json`, whole or not at all; raises `StorageError`."""
        write_sealed(self.path / MIXTURES, document)

    def prepare(self, images: CellImages, dtype: npt.DTypeLike) -> None:
        """Make the files that events go to; see `EventStores.prepare`."""
        self._events.prepare(images, dtype)

    def rows(self, images: CellImages, results: CellResults) -> CellRows:
        """Return the rows that cells with their answers are stored as."""
        return self._tables.rows(images, results)

    def append(self, images: CellImages, rows: CellRows) -> None:
        """Take a batch of events whose windows are there.

        Parameters
        ----------
        images
            Its cells, and its events that cannot be judged.
        rows
            What `rows` made of its cells.

        Raises
        ------
        StorageError
            If the disk does not take them; then none of them is in the tables.
        """
        if not len(images):
            return
        self._events.append(images)
        if rows.num_rows:
            self._tables.cells.append_later(rows)
        if rows.num_rows < len(images):
            self._tables.append_rejected(images.take(~images.is_cell))

    def append_rejected(self, images: CellImages) -> None:
        """Take events of which none can be judged.

        Raises
        ------
        StorageError
            If the disk does not take them; then none of them is in the tables.
        """
        if len(images):
            self._events.append(images)
            self._tables.append_rejected(images)

    def append_windows(self, events: Sequence[Event]) -> None:
        """Take the raw windows of events; may be called by another thread than the other appends.

        Raises
        ------
        StorageError
            If the disk does not take them.
        """
        self._events.append_windows(events)

    def set_truth(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write what is known of the true cells, one row each; raises `StorageError`."""
        write_truth(self.path, columns)

    def keep_if_due(self, rest: Rest = no_rest) -> None:
        """Make what was appended safe against a crash where it has waited long enough; call it often, in one thread.

        Who appends does not wait for the disk meanwhile, and gets its turns while this thread takes a `rest`.

        Raises
        ------
        StorageError
            If the disk does not take it; the rows stay in memory.
        """
        if self._tables.due():
            # Rows that come from now on may be without their images; they are kept the next time.
            marks = self._tables.mark(rest)
            # Windows and images first: no row is ever without them.
            self._events.flush(rest)
            rest()
            self._tables.keep(marks, rest)

    def seal(self) -> None:
        """Write everything appended so far into the files that stay; raises `StorageError`, and then keeps the rows."""
        self._events.flush()
        self.seal_tables()

    def seal_tables(self) -> None:
        """Write what a crash left in the tables' logs into parts; raises `StorageError`."""
        self._tables.seal()

    def finish(self) -> None:
        """Give back what only writing needs; the folder can still be read.

        Raises
        ------
        StorageError
            If the disk does not take the last of the windows or images.
        """
        self._events.finish()

    def discard_unsafe(self) -> tuple[int, list[str]]:
        """Give up the rows that could not be kept; return how many cells, and the reasons of the rejected."""
        return self._tables.discard_unsafe()

    def results(self, name: str = LIVE) -> Results:
        """Return a result set, to ask about it: what the run's own model answered, or another one afterwards.

        Raises
        ------
        UnknownResults
            If there is no such set.
        RunFolderError
            If it is damaged.
        """
        return self._results if name == LIVE else self._sets.results(name)

    def result_sets(self) -> list[ResultSet]:
        """Return what result sets there are, the live one first."""
        return [self._results.about, *self._sets.sets()]

    @property
    def stored_channels(self) -> tuple[str, ...]:
        """Channels whose images are stored."""
        return self._events.channels

    def image(self, event_id: int, channel: str, *, made_anew: bool = False) -> npt.NDArray[np.float32]:
        """Return the stored image `(y, x)`, or one made again from the raw window, `(y, x)` or `(z, y, x)`.

        Parameters
        ----------
        made_anew
            Do not look for a stored one.

        Raises
        ------
        UnknownCell
            If the run has no such event or channel.
        """
        return self._events.image(event_id, channel, made_anew=made_anew)

    def stored_images(self, event_ids: Sequence[int], channel: str) -> npt.NDArray[np.float32]:
        """Return the stored images of many events `(n, y, x)`, in their order.

        Raises
        ------
        UnknownCell
            If one of them is not stored.
        """
        return self._events.stored_images(event_ids, channel)

    def event(self, event_id: int) -> Event:
        """Return the event as detection gave it, with its raw window.

        Raises
        ------
        UnknownCell
            If its window is not stored.
        """
        return self._events.event(event_id)

    def events(self, event_ids: Sequence[int]) -> list[Event]:
        """Return many events, in the order asked for, read at once where they lie together.

        Raises
        ------
        UnknownCell
            If the window of one of them is not stored.
        """
        return self._events.events(event_ids)

    def event_places(self, fields: Sequence[str] = EVENT.names or ()) -> npt.NDArray[np.void]:
        """Return these fields of every event whose window is stored, see `window_store.EVENT`."""
        return self._events.places(fields)

    def files(self) -> dict[str, list[str]]:
        """Return the file names by part, as `Run.files` lists them."""
        return {**list_files(self.path), **self._tables.files()}

    def close(self) -> None:
        """Close every file, and lose what was not sealed; raises `StorageError` as `finish` does."""
        try:
            self._events.close()
        finally:
            self._tables.close()
            self._results.close()
            self._sets.close()
            if self._use is not None:
                self._use.end()
