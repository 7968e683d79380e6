"""One run from its first sample to its last file, in the background."""

from __future__ import annotations

import threading
import time
from typing import Any

from acquisition.errors import RecordingStopped
from service.clock import Stopwatch, now_utc
from service.errors import RunStateError, StorageError
from service.run import DropReason, FinishReason, Run, RunState
from service.runs.arming import Armed, providers_of
from service.runs.journal import Journal
from service.runs.ledger import LedgerBook
from service.runs.outcomes import truth_of_run
from service.runs.pipeline import Pipeline
from service.runs.promptness import Promptness
from service.runs.states import checked_step
from service.store.disk_watch import DiskWatch
from service.store.ledger_tally import LedgerTally
from service.store.run_folder import RunFolder
from service.store.tables.cell_rows import count_reasons

SAVE_S = 1.0
STALLED_S = 30.0
"""A drain in which nothing is finished for so long is given up."""


class Job:
    """Supervises a pipeline: saves `run.json` as it goes, and closes the run when it ends.

    States are the run's, see `service.runs.states`: armed -> `start` -> acquiring -> draining -> done or failed, or
    armed -> `end` -> draining -> done.
    """

    def __init__(self, armed: Armed, disk: DiskWatch) -> None:
        self._disk = disk
        self._parts = armed.parts
        self._run = armed.run
        self._since = Stopwatch()
        self._journal = Journal(armed.run)
        self._promptness = Promptness()
        self.ledger = LedgerBook()
        self.pipeline = Pipeline(armed.parts, armed.run.request, self.ledger, self._draining)
        self._lock = threading.Lock()
        self._turning = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="run-supervisor", daemon=True)

    @property
    def run(self) -> Run:
        """The run as it stands, with its ledger."""
        with self._lock:
            return self._run if self._over.is_set() else self._run.model_copy(update={"ledger": self.ledger.snapshot()})

    @property
    def folder(self) -> RunFolder:
        """Where the run is stored."""
        return self._parts.folder

    @property
    def over(self) -> bool:
        """True when the run's files are complete."""
        return self._over.is_set()

    def settle(self) -> None:
        """Have nothing left to do that would hold up the first cell."""
        self._promptness.begin()

    def start(self) -> None:
        """Begin to acquire; raises `RunStateError` if it is not armed."""
        with self._turning:
            if self._run.state is not RunState.ARMED:
                raise RunStateError(f"The run {self._run.id} is {self._run.state}; only an armed run can be started.")
            self._update(state=RunState.ACQUIRING, started_at=now_utc())
            self._since = Stopwatch()
            self._save()
            self._keep_tally()
            self._journal.started()
            self.pipeline.start()
            self._thread.start()

    def end(self) -> None:
        """Take no more samples, or none at all; what was detected is finished, and the files are closed."""
        with self._turning:
            never_begun = self._run.state is RunState.ARMED
            self.pipeline.end(FinishReason.STOPPED)
            if never_begun:
                self._thread.start()

    def status(self) -> dict[str, Any]:
        """Return its part of the service's status."""
        run, parts, pipeline = self.run, self._parts, self.pipeline
        return {
            "run_id": run.id,
            "source": run.source,
            "origin": run.origin,
            "event_rate_hz": pipeline.events_rate.rate_hz(),
            "cell_rate_hz": pipeline.cells_rate.rate_hz(),
            "latency": pipeline.latency.summary(),
            "queues": pipeline.queues(),
            "ledger": run.ledger,
            "drift": parts.drift.status(),
            "stop": parts.rules.progress(),
            "refit": None if parts.refit is None else parts.refit.status(),
            "sort": None if parts.sorter is None else parts.sorter.status(),
            "bundle": run.bundle,
            "bundle_digest": run.bundle_digest,
            "provider": run.provider,
            "came_first": pipeline.came_first,
        }

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until the run's files are complete; False if the time was not enough."""
        return self._over.wait(timeout_s)

    def close(self, patience_s: float) -> None:
        """End the run: what is in flight is finished if `patience_s` allows it, and dropped with a count if not."""
        self.end()
        if not self._over.wait(patience_s):
            self.pipeline.abandon(DropReason.ABANDONED)
        self._thread.join()

    def _supervise(self) -> None:
        try:
            self._watch()
            self._finish()
        finally:
            self._promptness.end()
            self._over.set()

    def _watch(self) -> None:
        saved = moved = time.monotonic()
        last, drains = self.ledger.snapshot(), False
        while not self.pipeline.join(0.1):
            now = time.monotonic()
            self._count_recording()
            self._disk.look()
            ledger = self.ledger.snapshot()
            self._journal.look(ledger, now, self.pipeline.lost_places)
            if ledger != last:
                last, moved = ledger, now
            if self.pipeline.reason is not None and now - moved > STALLED_S:
                self.pipeline.abandon(DropReason.ABANDONED)
            if now - saved >= SAVE_S or (self.pipeline.reason is not None and not drains):
                drains = self.pipeline.reason is not None
                self._save()
                saved = now

    def _finish(self) -> None:
        # Where it has no reason yet, the stages ended without one.
        self.pipeline.end(FinishReason.FAILED)
        reason, error = self.pipeline.reason or FinishReason.FAILED, self.pipeline.error
        self.ledger.drop_rest(DropReason.FAILED)
        summary = None
        try:
            summary = self._close_files()
        except (StorageError, RecordingStopped) as full:
            reason, error = FinishReason.STORAGE, str(full)
        except Exception as fault:
            reason, error = FinishReason.FAILED, f"The run could not be closed properly ({fault})."
        self._update(
            state=RunState.FAILED if reason is FinishReason.FAILED else RunState.DONE,
            finish_reason=reason,
            error=error,
            provider=providers_of(self._parts.dispatcher) or self._run.provider,
            ended_at=now_utc(),
            lasted_s=round(self._since.lasted_s(), 3),
            clock_set_s=self._since.clock_set_s(),
            ledger=self.ledger.snapshot(),
            truth=summary,
            files=self._parts.folder.files(),
        )
        self._parts.dispatcher.end(reason.value, _counts(self._run))
        if self._parts.sorter is not None:
            self._parts.sorter.end(reason.value)
        self._parts.source.close()
        # Where `run.json` could not be written, the next service closes the run with what the tally says.
        self.ledger.close(keep=not self._save())
        self._journal.done(self._run)

    def _close_files(self) -> dict[str, Any] | None:
        """Seal everything; return what became of the true cells, where they are known."""
        truth, recorder = self._parts.source.truth(), self._parts.recorder
        try:
            self._seal()
            summary = None if truth is None else truth_of_run(truth, self._parts.folder, self.pipeline)
        finally:
            if recorder is not None:
                recorder.close(truth)
                self._count_recording()
        if recorder is not None and recorder.error is not None:
            raise recorder.error
        return summary

    def _count_recording(self) -> None:
        recorder = self._parts.recorder
        if recorder is not None:
            self.ledger.recording(recorder.samples_written, recorder.samples_omitted, recorder.samples_dropped)

    def _seal(self) -> None:
        folder = self._parts.folder
        try:
            folder.seal()
        except StorageError:
            stored, rejected = folder.discard_unsafe()
            self.ledger.lost_after_storing(DropReason.STORAGE, stored, count_reasons(rejected))
            raise
        finally:
            folder.finish()

    def _draining(self) -> None:
        self._update(state=RunState.DRAINING, finish_reason=self.pipeline.reason, error=self.pipeline.error)
        self._journal.draining(self.pipeline.reason, self.pipeline.error)

    def _update(self, **changes: object) -> None:
        with self._lock:
            if isinstance(state := changes.get("state"), RunState):
                checked_step(self._run.state, state)
            self._run = self._run.model_copy(update=changes)

    def _keep_tally(self) -> None:
        try:
            self.ledger.kept_in(LedgerTally(self._parts.folder.path))
        except StorageError as full:
            self.pipeline.end(FinishReason.STORAGE, str(full))

    def _save(self) -> bool:
        """Write `run.json`, or end the run; return whether it was written."""
        try:
            with self._lock:
                run = self._run.model_copy(update={"ledger": self.ledger.snapshot()})
            self._parts.folder.save_run(run)
        except StorageError as full:
            self.pipeline.end(FinishReason.STORAGE, str(full))
            return False
        return True


def _counts(run: Run) -> dict[str, int]:
    ledger = run.ledger
    return {
        "detected": ledger.detected,
        "stored": ledger.stored,
        "rejected": sum(ledger.rejected.values()),
        "dropped": sum(ledger.dropped.values()),
    }
