"""The folder of a run that another process writes."""

from __future__ import annotations

from typing import Self

from service.gates.book import GateBook
from service.run import Run
from service.store.events.event_stores import EventStores
from service.store.labels import Labels
from service.store.run_files import RunFile
from service.store.run_folder import RunFolder
from service.store.tables.result_tables import ResultTables


class FollowedFolder(RunFolder):
    """Shows what is safe on the disk by now: all but the last second. Its gates and labels are written by who reads."""

    _file: RunFile

    @classmethod
    def over(cls, file: RunFile) -> Self:
        """Follow the folder of a run that goes on; raises `RunFolderError` if it is missing or damaged."""
        path, run = file.folder, file.run()
        tables = ResultTables.follow(path, run.instrument.sample_rate_hz)
        folder = cls(path, run, tables, EventStores.follow(path, run), GateBook.open(path), Labels.open(path))
        folder._file = file
        return folder

    def run(self) -> Run:
        """Return the run as it was last saved, also while the folder is being removed."""
        return self._file.run()
