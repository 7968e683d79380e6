"""The result sets beside a run's live one: listed, and opened when somebody asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from service.errors import RunFolderError, UnknownResults
from service.result_set import ResultSet, is_set_name
from service.store.results import Judged, Results
from service.store.tables.result_tables import ResultTables

RESULTS = "results"
RESULT_JSON = "result.json"


class SetShelf:
    """The sets in `results/` of a run folder, from any thread; another process may be making one of them."""

    def __init__(self, folder: Judged) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._open: dict[str, tuple[int, Results]] = {}

    def sets(self) -> list[ResultSet]:
        """Return what there is, by name; a folder without a readable `result.json` is none."""
        return [about for about, _ in read_sets(self._folder.path)]

    def results(self, name: str) -> Results:
        """Return a set; one that grew since it was opened is opened again.

        Raises
        ------
        UnknownResults
            If there is no such set.
        RunFolderError
            If it is damaged.
        """
        path = set_path(self._folder.path, name) if is_set_name(name) else None
        if path is None or not (path / RESULT_JSON).is_file():
            raise UnknownResults(f"The run has no results '{name[:70]}'; list its results to see their names.")
        with self._lock:
            changed = (path / RESULT_JSON).stat().st_mtime_ns
            known = self._open.get(name)
            if known is None or known[0] != changed:
                about = read_set(path)
                rate_hz = self._folder.run().instrument.sample_rate_hz
                tables = ResultTables.open(path, rate_hz, up_to=about.last_event)
                # The one before is not closed here: somebody may be reading it, and it ends with the last reference.
                known = self._open[name] = (changed, Results(self._folder, path, tables, about))
            return known[1]

    def close(self) -> None:
        """Give the databases back."""
        with self._lock:
            opened, self._open = list(self._open.values()), {}
        for _, results in opened:
            results.close()


def set_path(run_folder: Path, name: str) -> Path:
    """Return the folder of a set."""
    return run_folder / RESULTS / name


def set_files(run_folder: Path) -> list[Path]:
    """Return the `result.json` of every set, by name."""
    return sorted((run_folder / RESULTS).glob(f"*/{RESULT_JSON}"))


def read_sets(run_folder: Path) -> Iterator[tuple[ResultSet, Path]]:
    """Return the sets that can be read, by name, and their folders."""
    for file in set_files(run_folder):
        try:
            yield read_set(file.parent), file.parent
        except RunFolderError:
            continue


def read_set(path: Path) -> ResultSet:
    """Read the `result.json` of a set's folder.

    Raises
    ------
    RunFolderError
        If it is missing or damaged.
    """
    try:
        return ResultSet.model_validate_json((path / RESULT_JSON).read_bytes())
    except (OSError, ValidationError) as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise RunFolderError(f"The {RESULT_JSON} of '{path}' is missing or damaged ({first}).") from None
