"""Starts, watches and ends runs: the one thing that the API, the command line and tests talk to."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from inference.bundle import Bundle
from inference.engine import Engine
from service.engines import Engines
from service.errors import RunStateError
from service.gates.gate import Gate
from service.operator_lock import OperatorLock
from service.result_set import LIVE
from service.run import Run, RunRequest
from service.runs.arming import CLOSED, Makers, Site, arm
from service.runs.data_lock import DataLock
from service.runs.job import Job
from service.runs.sequences import Sequences
from service.runs.states import READY, service_state
from service.runs.transport import Transport
from service.sink.copier import Copier
from service.status import ServiceState, ServiceStatus
from service.store.catalogue import Catalogue
from service.store.run_folder import RunFolder
from service.store.upkeep import Upkeep
from service.tasks.board import Tasks

RUNS = "runs"
_CLOSE_PATIENCE_S = 2.0
_ARM_PATIENCE_S = 2.0

__all__ = ["RunControl", "ServiceState", "ServiceStatus"]


class RunControl:
    """One service on one data folder: one run at a time, any number of readers.

    States: idle -> `start` -> arming -> acquiring -> (`stop`, a stop rule, the end of the source or a failure) ->
    draining -> idle, or error if the run did not end as it was asked to. A run that is held goes from arming to armed,
    and from there on `begin` to acquiring, or on `stop` to draining. The next `start` or `acknowledge` leaves error;
    `close` from any of them leads to closed. A `start` that fails in arming leads back to idle.

    Nothing is opened before it is needed. Runs that a crash left open are closed as failed as soon as this service has
    the data folder to itself.

    Parameters
    ----------
    data_dir
        Folder that holds `runs/<run id>/`; made if it is missing.
    workers
        Inference workers of the service's own; 0 where they come from elsewhere.
    transport
        `inproc://` for threads of this process, `tcp://127.0.0.1:PORT` for processes.
    provider
        `auto`, `cpu` or `cuda`.
    makers
        How the parts of a run are found.
    upkeep
        When the disk is too full, and which runs may go; None for the usual marks, and no run ever goes.
    keys
        Folder of keys for a `transport` that is not on this computer alone, see `inference.keys`.
    sink
        Copies rows elsewhere; the status tells of it.
    """

    def __init__(
        self,
        data_dir: Path | str,
        workers: int = 1,
        transport: str = "inproc://",
        provider: str = "auto",
        makers: Makers | None = None,
        upkeep: Upkeep | None = None,
        keys: Path | None = None,
        sink: Copier | None = None,
    ) -> None:
        self._data = Path(data_dir)
        self._makers = makers or Makers()
        self._transport = Transport(transport, workers, provider, self._makers.engine, keys)
        self._sink = sink
        self._upkeep = upkeep or Upkeep(self._data)
        self._lock = threading.Lock()
        self._arm_lock = threading.Lock()
        self._crash_lock = threading.Lock()
        self._began_s = time.monotonic()
        self._data_lock = DataLock(self._data)
        self._catalogue = Catalogue(self._data / RUNS)
        self._checked_for_crashes = False
        self._sequence = 0
        self._arming = False
        self._closing = threading.Event()
        self._job: Job | None = None
        self._acknowledged: Job | None = None
        self._engines = Engines(provider)
        self.operator = OperatorLock()
        """Who has the controls over HTTP; whoever has this object is not asked."""
        self.sequences = Sequences(self.start, self.wait)
        """Runs that begin one after the other."""
        self.tasks = Tasks()
        """Work on stored runs, by processes of their own."""

    def start(self, request: RunRequest) -> Run:
        """Arm a run and, unless it is to be held, let it acquire in the background.

        Returns when the first sample may come.

        Raises
        ------
        RunStateError
            If a run is in progress, or another service uses the data folder.
        LightlineError
            If something about the request does not work; see `arm`.
        """
        with self._lock:
            self._require_idle()
            self._arming = True
        try:
            with self._arm_lock:
                return self._start(request)
        finally:
            self._arming = False

    def begin(self, run_id: str) -> Run:
        """Let a run acquire that was held.

        Raises
        ------
        UnknownRun
            If there is no such run.
        RunStateError
            If it is not armed.
        """
        job = self._job
        if job is None or job.run.id != run_id:
            run = self.folder(run_id).run()
            raise RunStateError(f"The run {run_id} is {run.state}; only an armed run can be started.")
        job.start()
        return job.run

    def stop(self, run_id: str) -> Run:
        """Take no more samples; what was detected is still finished. A run that is armed ends with nothing in it.

        Raises
        ------
        UnknownRun
            If there is no such run.
        RunStateError
            If it is over already.
        """
        job = self._job
        if job is None or job.run.id != run_id or job.over:
            run = self.folder(run_id).run()
            raise RunStateError(
                f"The run {run_id} is {run.state}; only a run that is armed or acquiring can be stopped."
            )
        job.end()
        return job.run

    def acknowledge(self) -> None:
        """Say that it is known how the last run ended: the service is idle again where it showed an error."""
        self._acknowledged = self._job

    def wait(self, run_id: str, timeout: float | None = None) -> Run:
        """Wait until a run is over, at most `timeout` seconds, and return it as it then stands."""
        job = self._job
        if job is not None and job.run.id == run_id:
            job.wait(timeout)
            return job.run
        return self.folder(run_id).run()

    def status(self) -> ServiceStatus:
        """Return a snapshot of what the service is doing."""
        job, state = self._job, self._state()
        return ServiceStatus.model_validate(
            {
                "state": state,
                "error": job.run.error if job is not None and state is ServiceState.ERROR else None,
                "operator": self.operator.status(),
                "sequence": self.sequences.newest(),
                "uptime_s": time.monotonic() - self._began_s,
                "sink": self._sink.status() if self._sink else None,
                "disk": self._upkeep.disk.look(),
                **self._transport.status(),
                **({} if job is None else job.status()),
            }
        )

    @property
    def busy(self) -> bool:
        """Whether a run goes on, from armed to over."""
        job = self._job
        return job is not None and not job.over

    def runs(self) -> list[Run]:
        """Return every run of the data folder, the oldest first; the one in progress as it stands."""
        self._close_crashed_runs()
        job = self._job
        live = job.run if job is not None else None
        return [live if live is not None and run.id == live.id else run for run in self._catalogue.runs()]

    def folder(self, run_id: str) -> RunFolder:
        """Return the folder of a run, the live one for the run in progress; raises `UnknownRun`."""
        self._close_crashed_runs()
        return self._catalogue.folder(run_id)

    def open_folder(self, run_id: str) -> RunFolder | None:
        """Return the folder of a run if it is open, without waiting for a disk; None where `folder` has to be asked."""
        return self._catalogue.open_folder(run_id) if self._checked_for_crashes else None

    def engine_for(self, run_id: str, results: str = LIVE) -> Engine:
        """Return an engine of the model that answered for a result set of a run, to explain its cells with.

        Raises
        ------
        UnknownRun, UnknownResults
            If there is no such run or set.
        BundleError
            If the model in its folder is missing or damaged.
        """
        found = self.folder(run_id).results(results)
        return self._engines.engine(found.about.bundle_digest, lambda: Bundle.load(found.bundle_path()))

    def close(self) -> None:
        """End the run if there is one, seal everything and stop every thread within 5 s; may be called twice."""
        self._closing.set()
        self.sequences.end()
        self.tasks.close()
        self._transport.refuse(CLOSED)
        # A start that is arming gives up at its next step; one that is long leaves nothing behind that is not whole.
        armed = self._arm_lock.acquire(timeout=_ARM_PATIENCE_S)
        if self._job is not None:
            self._job.close(_CLOSE_PATIENCE_S)
        if armed:
            self._arm_lock.release()
            self.sequences.join()
        self._transport.close()
        self._catalogue.close()
        self._data_lock.release()

    def __enter__(self) -> RunControl:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _start(self, request: RunRequest) -> Run:
        if self._closing.is_set():
            raise RunStateError(CLOSED)
        if not self._data_lock.acquire():
            raise RunStateError(
                f"Another Lightline service is using the data folder '{self._data}'; "
                "stop it, or choose another folder with --data."
            )
        self._close_crashed_runs()
        # Also where there was no run yet: from now on, one that is open is ours.
        self._checked_for_crashes = True
        # Asked for first: the run that they come from may be one that goes now.
        gates = self._gates_for(request)
        self._upkeep.before_run(self._catalogue)
        dispatcher = self._transport.open()
        self._sequence += 1
        site = Site(self._catalogue.root, dispatcher, self._transport.keys, self._closing)
        armed = arm(request, gates, site, self._sequence, self._makers)
        job = Job(armed, self._upkeep.disk)
        self._catalogue.set_live(job.folder)
        job.settle()
        self._job = job
        if not request.hold:
            job.start()
        return job.run

    def _gates_for(self, request: RunRequest) -> tuple[Gate, ...]:
        """Return the gates that a run is to begin with; raises `UnknownRun` where they are to come from no run."""
        if request.gates_from is None:
            return request.gates
        newest = self.folder(request.gates_from).gates.newest()
        return tuple(version.gate for version in newest.values() if version.gate is not None)

    def _state(self) -> ServiceState:
        job = self._job
        # In this order: what is over does not change any more.
        over = job is not None and job.over
        return service_state(
            None if job is None else job.run,
            over=over,
            arming=self._arming,
            closed=self._closing.is_set(),
            acknowledged=job is self._acknowledged,
        )

    def _require_idle(self) -> None:
        state = self._state()
        if state not in READY:
            run = f" the run {self._job.run.id}" if self._job is not None and not self._job.over else ""
            raise RunStateError(f"The service is {state}{run}; a run can be started only when it is idle.")

    def _close_crashed_runs(self) -> None:
        with self._crash_lock:
            if not self._checked_for_crashes and self._catalogue.root.is_dir() and self._data_lock.acquire():
                self._catalogue.close_crashed()
                self._checked_for_crashes = True
