"""The folder of a run that another process writes."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from service.run import Run
from service.store.events.event_stores import EventStores
from service.store.run_files import RUN_JSON, read_run
from service.store.run_folder import RunFolder
from service.store.tables.result_tables import ResultTables


class FollowedFolder(RunFolder):
    """Shows what is safe on the disk by now: all but the last second. Its gates and labels are written by who reads."""

    _read_ns = 0

    @classmethod
    def open(cls, path: Path) -> Self:
        """Follow the folder of a run that goes on.

        Raises
        ------
        RunFolderError
            If it is missing or damaged.
        """
        run = read_run(path)
        tables = ResultTables.follow(path, run.instrument.sample_rate_hz)
        return cls._over(path, run, tables, EventStores.follow(path, run))

    def run(self) -> Run:
        """Return the run as it was last saved."""
        try:
            changed_ns = (self.path / RUN_JSON).stat().st_mtime_ns
        except FileNotFoundError:
            # It is being removed.
            return self._run
        if changed_ns != self._read_ns:
            self._run, self._read_ns = read_run(self.path), changed_ns
        return self._run
