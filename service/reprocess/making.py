"""A result set, made part by part: what is sealed is never made again, whatever ends the process."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from inference.dispatcher import Dispatcher
from inference.finished import Finished
from reconstruction.images import CellImages
from service.clock import now_utc
from service.errors import RunStateError
from service.reprocess.answering import answered, answering
from service.reprocess.batches import from_rows, from_windows
from service.reprocess.plan import Plan, Wanted, plan_of
from service.result_set import ResultSet, ResultState, Scope
from service.run import DropReason
from service.runs.arming import Makers, providers_of
from service.runs.data_lock import DataLock
from service.store.cell_rows import AnswerNames, cell_rows, count_reasons, rejected_rows
from service.store.disk import storage_errors, write_sealed
from service.store.result_tables import CELLS, REJECTED, ResultTables
from service.store.run_files import BUNDLE
from service.store.run_folder import RunFolder
from service.store.set_shelf import RESULT_JSON

EVENTS_PER_PART = 8192
"""A part is sealed after so many events: what an interruption can cost."""
Progress = Callable[[int, int], None]
"""Takes the events that are done, and all that were left to do."""


def reprocess(
    path: Path,
    wanted: Wanted,
    makers: Makers | None = None,
    progress: Progress | None = None,
    events_per_part: int = EVENTS_PER_PART,
) -> ResultSet:
    """Answer for the stored events of a run, into a result set beside the ones it has.

    A set that was interrupted is gone on with. Nothing else in the run folder changes.

    Parameters
    ----------
    path
        Folder of the run.
    wanted
        What is asked for.
    makers
        How bundle, transform and engines are found.
    progress
        Called after every batch.
    events_per_part
        A part is sealed after so many events.

    Raises
    ------
    LightlineError
        If the run is not one, goes on, or cannot be reprocessed so; see `plan_of`.
    StorageError
        If the disk does not take the set; what was sealed stays, and the same call goes on with it.
    """
    makers = makers or Makers()
    folder = RunFolder.open(path)
    try:
        plan = plan_of(folder, wanted, makers)
        with _alone(plan), answering(plan, wanted.workers, wanted.provider, makers.engine(wanted.provider)) as workers:
            return _made(plan, workers, progress or (lambda _done, _total: None), events_per_part)
    finally:
        folder.close()


@contextmanager
def _alone(plan: Plan) -> Iterator[None]:
    lock = DataLock(plan.path)
    with storage_errors(plan.path):
        free = lock.acquire()
    if not free:
        raise RunStateError(f"Another process is making the results '{plan.about.name}'; wait for it, or stop it.")
    try:
        yield
    finally:
        lock.release()


def _made(plan: Plan, workers: Dispatcher, progress: Progress, events_per_part: int) -> ResultSet:
    write_sealed(plan.path / BUNDLE, plan.bundle.to_bytes())
    tables = _tables_of(plan)
    about = plan.about.model_copy(update={"provider": providers_of(workers)})
    done, total = 0, len(plan.events)

    def more(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    _save(plan.path, about)
    for first in range(0, total, events_per_part):
        part = _settled(plan, plan.events[first : first + events_per_part], tables, workers, more)
        for table, rows in ((tables.cells, part.cells), (tables.rejected, part.rejected)):
            if rows:
                table.append(pa.concat_tables([one.cast(rows[0].schema) for one in rows]).sort_by("event_id"))
        tables.seal()
        about = part.entered(about)
        _save(plan.path, about)
    tables.close()
    about = about.model_copy(update={"state": ResultState.DONE, "ended_at": now_utc()})
    _save(plan.path, about)
    return about


def _tables_of(plan: Plan) -> ResultTables:
    """Open the tables up to the last settled event, and remove parts behind it, which a crash left."""
    with storage_errors(plan.path):
        for name in (CELLS, REJECTED):
            (plan.path / name).mkdir(parents=True, exist_ok=True)
        rate_hz = plan.folder.run().instrument.sample_rate_hz
        names = AnswerNames.of(plan.bundle.contract)
        tables = ResultTables.open(plan.path, rate_hz, names, up_to=plan.about.last_event)
        known = {plan.path / name for names in tables.files().values() for name in names}
        for name in (CELLS, REJECTED):
            for file in set((plan.path / name).iterdir()) - known:
                file.unlink()
    return tables


@dataclass
class _Part:
    """Rows of the next part, and what became of its events."""

    events: npt.NDArray[np.uint64]
    cells: list[Any] = field(default_factory=list)
    rejected: list[Any] = field(default_factory=list)
    dropped: int = 0
    taken_over: int = 0

    def take_over(self, rows: Any, into: list[Any]) -> None:
        """Copy rows of the live set."""
        if rows.num_rows:
            into.append(rows)
            self.taken_over += rows.num_rows

    def take(self, finished: Finished, tables: ResultTables) -> None:
        """Make rows of a batch that came back."""
        cells = finished.images.take(finished.images.is_cell)
        rejected = finished.images.take(~finished.images.is_cell)
        if len(rejected):
            self.rejected.append(rejected_rows(rejected, tables.sample_rate_hz))
        if finished.results is None:
            self.dropped += len(cells)
        elif len(cells):
            self.cells.append(cell_rows(cells, finished.results, tables.names, tables.sample_rate_hz))

    def entered(self, about: ResultSet) -> ResultSet:
        """Return the set's description with this part in its books."""
        before = about.ledger
        reasons = [reason for rows in self.rejected for reason in rows.column("rejection").to_pylist()]
        rejected = Counter(before.rejected) + Counter(count_reasons(reasons))
        dropped = Counter(before.dropped) + Counter({DropReason.INFERENCE.value: self.dropped})
        changed = {
            "stored": before.stored + sum(rows.num_rows for rows in self.cells),
            "rejected": dict(rejected),
            "dropped": dict(dropped),
            "in_flight": before.in_flight - len(self.events),
        }
        # Validated, so that books which do not balance are never written.
        ledger = type(before).model_validate({**before.model_dump(), **changed})
        taken_over = about.taken_over + self.taken_over
        return about.model_copy(update={"ledger": ledger, "taken_over": taken_over, "last_event": int(self.events[-1])})


def _settled(
    plan: Plan,
    events: npt.NDArray[np.uint64],
    tables: ResultTables,
    workers: Dispatcher,
    more: Callable[[int], None],
) -> _Part:
    """Settle these events; what the run has of them and would come out the same is taken from it."""
    part, rest = _Part(events), events
    batches: list[Iterator[CellImages]] = []
    if plan.same_images:
        live, ends = plan.folder.results(), (int(events[0]), int(events[-1]))
        rejected, cells = (_of_events(query.rows_between(*ends), events) for query in (live.rejected, live.cells))
        known = [rejected]
        part.take_over(rejected, part.rejected)
        if plan.about.scope is Scope.MISSING:
            part.take_over(cells, part.cells)
            known.append(cells)
        elif plan.stored_inputs:
            batches.append(from_rows(plan, cells))
            known.append(cells)
        more(part.taken_over)
        rest = np.setdiff1d(events, np.concatenate([rows.column("event_id").to_numpy() for rows in known]))
    batches.append(from_windows(plan, rest.tolist()))
    for finished in answered(workers, itertools.chain(*batches), more):
        part.take(finished, tables)
    return part


def _of_events(rows: Any, events: npt.NDArray[np.uint64]) -> Any:
    return rows.filter(np.isin(rows.column("event_id").to_numpy(), events))


def _save(path: Path, about: ResultSet) -> None:
    write_sealed(path / RESULT_JSON, about.model_dump_json(indent=1).encode())
