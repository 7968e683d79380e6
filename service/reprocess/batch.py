"""Many runs and recordings, one after the other, by the same workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from service.errors import SetComplete
from service.reprocess.executor import Executor
from service.reprocess.finding import find, search_of
from service.reprocess.making import Progress, reprocess
from service.reprocess.plan import Wanted
from service.result_set import ResultSet
from service.runs.arming import Makers
from service.store.run_files import RUN_JSON


def as_runs(
    paths: Sequence[Path], root: Path, bundle: str | None, workers: Executor, makers: Makers, progress: Progress
) -> list[Path]:
    """Return the run folders among some paths, and those that recordings among them become, in the same order.

    Parameters
    ----------
    paths
        Folders of runs, and recordings.
    root
        Where the runs of recordings are made; recordings are searched side by side, each by one worker.
    bundle
        Named in new runs as their model.
    workers, makers
        Who searches, and with what.
    progress
        Takes the recordings that are searched, and how many there are.

    Raises
    ------
    LightlineError
        If one of them is neither, cannot be read, or its windows cannot be stored.
    """
    searches = {path: search_of(path, root, bundle, makers) for path in paths if not (path / RUN_JSON).is_file()}
    if searches:
        root.mkdir(parents=True, exist_ok=True)
    found: dict[Path, Path] = {}
    for path, run in zip(searches, workers.each(find, searches.values()), strict=True):
        found[path] = run
        progress(len(found), len(searches))
    return [found.get(path, path) for path in paths]


def reprocess_all(
    runs: Sequence[Path], wanted: Wanted, workers: Executor, makers: Makers, progress: Progress
) -> Iterator[ResultSet]:
    """Return the result set of every run that does not have it complete already, as it is made; raises as `reprocess`.

    Of several runs, those that are complete are passed over, so that the same call goes on where one was interrupted.
    """
    for run in runs:
        try:
            yield reprocess(run, wanted, makers, progress, workers=workers)
        except SetComplete:
            if len(runs) == 1:
                raise
