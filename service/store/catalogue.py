"""The runs of a data folder: listed, opened by id, and closed where a crash left them open."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from pathlib import Path

from acquisition.errors import TraceError
from acquisition.recording_tally import Tally, read_tally, tally_path
from acquisition.trace import TraceSequence
from service.clock import now_utc
from service.errors import RunFolderError, StorageError, UnknownRun
from service.identity import checked_run_id
from service.run import DropReason, FinishReason, Ledger, Run, RunState
from service.store.followed_folder import FollowedFolder
from service.store.ledger_tally import forget_noted, noted
from service.store.run_files import RUN_JSON, TRACE, RunFile, run_folders
from service.store.run_folder import RunFolder

_MOST_OPEN = 8
_CRASHED = "The service ended before this run did; what was sealed until then is kept."


class Catalogue:
    """Runs under one root, from any thread; a bounded number of folders is kept open."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._open: OrderedDict[str, RunFolder] = OrderedDict()
        self._known: dict[str, RunFile] = {}
        self._live: RunFolder | None = None

    def set_live(self, folder: RunFolder | None) -> None:
        """Name the folder that is being written; afterwards it stays open like any other."""
        with self._lock:
            if self._live is not None:
                self._keep(self._live.run().id, self._live)
            self._live = folder

    def runs(self) -> list[Run]:
        """Return every run, the oldest first; a folder without a readable `run.json` is not one."""
        found = []
        for path in run_folders(self.root):
            try:
                found.append(self._file(path).run())
            except RunFolderError:
                continue
        return found

    def folder(self, run_id: str) -> RunFolder:
        """Return the folder of a run, open to read.

        Raises
        ------
        UnknownRun
            If there is no run of that id.
        RunFolderError
            If it is damaged.
        """
        path = self.root / checked_run_id(run_id)
        with self._lock:
            found = self._found(run_id)
            if found is not None:
                return found
            if not (path / RUN_JSON).is_file():
                raise UnknownRun(f"There is no run '{run_id}'; list the runs to see their ids.")
            file = self._file(path)
            folder = RunFolder.over(file) if file.run().state.ended else FollowedFolder.over(file)
            self._keep(run_id, folder)
            return folder

    def open_folder(self, run_id: str) -> RunFolder | None:
        """Return the folder of a run if it is open and nobody opens another one just now; None otherwise."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._found(run_id)
        finally:
            self._lock.release()

    def forget_removed(self) -> None:
        """Let go of runs whose folders another process has removed."""
        with self._lock:
            for run_id, folder in list(self._open.items()):
                if not (folder.path / RUN_JSON).is_file():
                    del self._open[run_id]

    def forget(self, run_id: str) -> None:
        """Let go of a run whose folder is about to be removed."""
        with self._lock:
            # Not closed here either, see `_keep`.
            self._open.pop(run_id, None)
            self._known.pop(run_id, None)

    def close_crashed(self) -> list[Run]:
        """Mark runs that a crash left open as failed, with what their files hold; return them.

        Only for who has the data folder's lock: another service's running run looks the same.
        """
        crashed = [run for run in self.runs() if not run.state.ended]
        return [self._close_crashed(run) for run in crashed]

    def close(self) -> None:
        """Close every folder."""
        with self._lock:
            live = [] if self._live is None else [self._live]
            folders, self._open, self._live = [*self._open.values(), *live], OrderedDict(), None
        for folder in folders:
            folder.close()

    def _found(self, run_id: str) -> RunFolder | None:
        if self._live is not None and self._live.run().id == run_id:
            return self._live
        folder = self._open.get(run_id)
        if isinstance(folder, FollowedFolder) and folder.run().state.ended:
            # Its writer is done: what is opened now does not change any more. Somebody may still read the one before.
            del self._open[run_id]
            return None
        if folder is not None:
            self._open.move_to_end(run_id)
        return folder

    def _keep(self, run_id: str, folder: RunFolder) -> None:
        self._open[run_id] = folder
        if len(self._open) > _MOST_OPEN:
            # Not closed here: somebody may be reading it, and its files close with the last reference.
            self._open.popitem(last=False)

    def _file(self, path: Path) -> RunFile:
        return self._known.setdefault(path.name, RunFile(path))

    def _close_crashed(self, run: Run) -> Run:
        closed = run.model_copy(
            update={
                "state": RunState.FAILED,
                "finish_reason": FinishReason.FAILED,
                "error": _CRASHED,
                "ended_at": now_utc(),
            }
        )
        try:
            folder = RunFolder.over(self._file(self.root / run.id))
        except RunFolderError as error:
            return closed.model_copy(update={"error": f"{_CRASHED} {error}"})
        try:
            ledger = ledger_of_files(noted(run.ledger, folder.path), folder)
            ledger = ledger_of_recording(ledger, folder.path)
            update = {"ledger": ledger, "files": folder.files()}
            closed = closed.model_copy(update=update)
            folder.seal_tables()
            closed = closed.model_copy(update={"files": folder.files()})
            folder.save_run(closed)
            tally_path(folder.path / TRACE).unlink(missing_ok=True)
            forget_noted(folder.path)
        except TraceError as error:
            closed = closed.model_copy(update={"error": f"{_CRASHED} {error}"})
            folder.save_run(closed)
        except StorageError:
            return closed
        finally:
            folder.close()
        return closed


def ledger_of_files(saved: Ledger, folder: RunFolder) -> Ledger:
    """Return the ledger that a run's files prove; events that left no trace in the tables are dropped by the crash."""
    stored = folder.results().cells.page(limit=1).total
    table = folder.results().rejected.arrow(["rejection"])
    rejected = {} if table is None else dict(Counter(table.column("rejection").to_pylist()))
    places = folder.event_places(["event_id"])
    last_event = int(places["event_id"].max()) if len(places) else 0
    known = stored + sum(rejected.values()) + sum(saved.dropped.values())
    detected = max(saved.detected, last_event, known)
    crash = {DropReason.CRASH.value: detected - known} if detected > known else {}
    return saved.model_copy(
        update={
            "detected": detected,
            "stored": stored,
            "rejected": rejected,
            "dropped": {**saved.dropped, **crash},
            "in_flight": 0,
        }
    )


def ledger_of_recording(saved: Ledger, path: Path) -> Ledger:
    """Return the ledger with what a run's own recording really holds, and what the crash took from it.

    How many samples were received is known from what the recorder left behind, to the block.
    """
    first = path / TRACE
    if not first.is_file():
        return saved
    with TraceSequence(first) as trace:
        recorded = trace.n_samples
    tally = read_tally(tally_path(first)) or Tally(saved.samples, saved.left_out)
    # What the line had no room for was given to the recorder, and counted as lost.
    received = max(saved.samples, tally.given - saved.samples_lost)
    counts = {"recorded": recorded, "left_out": tally.omitted, "unrecorded": tally.missing(recorded)}
    return saved.model_copy(update={"samples": received, **counts})
