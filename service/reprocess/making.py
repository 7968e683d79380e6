"""A result set, made part by part: what is sealed is never made again, whatever ends the process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from service.clock import now_utc
from service.errors import RunStateError
from service.reprocess.executor import Executor, InOrder
from service.reprocess.job import Settled
from service.reprocess.plan import Plan, Wanted, plan_of
from service.reprocess.settling import leave_here, settle_here
from service.result_set import ResultSet, ResultState
from service.run import DropReason
from service.runs.arming import Makers
from service.runs.data_lock import DataLock
from service.store.disk import storage_errors, write_sealed
from service.store.run_files import BUNDLE
from service.store.run_folder import RunFolder
from service.store.set_shelf import RESULT_JSON
from service.store.tables.cell_rows import AnswerNames, count_reasons
from service.store.tables.result_tables import CELLS, REJECTED, ResultTables

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
    workers: Executor | None = None,
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
        Called after every chunk.
    events_per_part
        A part is sealed after so many events.
    workers
        Who does it; None does it in this process.

    Raises
    ------
    LightlineError
        If the run is not one, goes on, or cannot be reprocessed so; see `plan_of`.
    StorageError
        If the disk does not take the set; what was sealed stays, and the same call goes on with it.
    """
    makers, workers = makers or Makers(), workers or InOrder()
    folder = RunFolder.open(path)
    try:
        plan = plan_of(folder, wanted, makers)
        with _alone(plan):
            write_sealed(plan.path / BUNDLE, plan.bundle.to_bytes())
            size = min(wanted.events_per_chunk(len(plan.events), workers.threads), events_per_part)
            chunks = [plan.events[first : first + size] for first in range(0, len(plan.events), size)]
            settled = workers.each(partial(settle_here, plan.job(wanted, makers)), chunks)
            return _made(plan, settled, progress or (lambda _done, _total: None), events_per_part)
    finally:
        leave_here()
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


def _made(plan: Plan, settled: Iterator[Settled], progress: Progress, events_per_part: int) -> ResultSet:
    """Write what was settled, and seal it part by part: this process alone writes, in the order of events."""
    tables = _tables_of(plan)
    about, part = plan.about, _Part()
    done, total = 0, len(plan.events)
    _save(plan.path, about)
    for chunk in settled:
        done += len(chunk.events)
        progress(done, total)
        part.chunks.append(chunk)
        if part.n_events >= events_per_part or done == total:
            part.append_to(tables)
            tables.seal()
            about, part = part.entered(about), _Part()
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
    """Chunks of the next part, in their order."""

    chunks: list[Settled] = field(default_factory=list)

    @property
    def n_events(self) -> int:
        """Events in it."""
        return sum(len(chunk.events) for chunk in self.chunks)

    def append_to(self, tables: ResultTables) -> None:
        """Give the rows to the tables."""
        for chunk in self.chunks:
            if chunk.cells is not None:
                tables.cells.append(chunk.cells)
            if chunk.rejected is not None:
                tables.rejected.append(chunk.rejected)

    def entered(self, about: ResultSet) -> ResultSet:
        """Return the set's description with this part in its books."""
        before = about.ledger
        reasons = [
            reason
            for chunk in self.chunks
            if chunk.rejected is not None
            for reason in chunk.rejected.column("rejection").to_pylist()
        ]
        rejected = Counter(before.rejected) + Counter(count_reasons(reasons))
        unanswered = sum(chunk.dropped for chunk in self.chunks)
        dropped = Counter(before.dropped) + Counter({DropReason.INFERENCE.value: unanswered})
        changed = {
            "stored": before.stored + sum(chunk.cells.num_rows for chunk in self.chunks if chunk.cells is not None),
            "rejected": dict(rejected),
            "dropped": dict(dropped),
            "in_flight": before.in_flight - self.n_events,
        }
        # Validated, so that books which do not balance are never written.
        ledger = type(before).model_validate({**before.model_dump(), **changed})
        providers = {*about.provider.split(", "), *(chunk.provider for chunk in self.chunks)} - {""}
        return about.model_copy(
            update={
                "ledger": ledger,
                "provider": ", ".join(sorted(providers)),
                "taken_over": about.taken_over + sum(chunk.taken_over for chunk in self.chunks),
                "last_event": int(self.chunks[-1].events[-1]),
            }
        )


def _save(path: Path, about: ResultSet) -> None:
    write_sealed(path / RESULT_JSON, about.model_dump_json(indent=1).encode())
