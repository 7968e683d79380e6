"""The line of a service: one run at a time from a source into a folder, and nothing that anybody asks about it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from service.errors import RunStateError
from service.gates.gate import Gate
from service.run import Run, RunRequest
from service.runs.arming import CLOSED, Makers, Site, arm
from service.runs.data_lock import DataLock
from service.runs.job import Job
from service.runs.states import READY, service_state
from service.runs.transport import Transport
from service.status import ServiceState, ServiceStatus
from service.store.catalogue import Catalogue
from service.store.upkeep import Upkeep

RUNS = "runs"
"""Folder in the data folder."""
_CLOSE_PATIENCE_S = 2.0
_ARM_PATIENCE_S = 2.0
_LOCK_PATIENCE_S = 2.0
_LOCK_TURN_S = 0.05


class Line(Protocol):
    """Runs, wherever they are acquired: in this process (`LineHere`) or in one of its own (`service.apart`)."""

    @property
    def busy(self) -> bool:
        """Whether a run goes on, from armed to over; known without asking anybody."""

    def close_crashed(self) -> bool:
        """Close runs that a crash left open; False where another service has the data folder."""

    def start(self, request: RunRequest, gates: Sequence[Gate]) -> Run:
        """Arm a run with its gates and, unless it is to be held, let it acquire; see `RunControl.start`."""

    def begin(self, run_id: str) -> Run:
        """Let a run acquire that was held; see `RunControl.begin`."""

    def stop(self, run_id: str) -> Run:
        """Take no more samples; see `RunControl.stop`."""

    def acknowledge(self) -> None:
        """Say that it is known how the last run ended."""

    def wait(self, run_id: str, timeout: float | None) -> Run | None:
        """Wait until a run is over, and return it as it then stands; None at once where it is not the last one."""

    def run(self) -> Run | None:
        """Return the run in progress, otherwise the last one, as it stands; None before the first."""

    def status(self) -> ServiceStatus:
        """Return its part of the service's status."""

    def refuse(self) -> None:
        """Begin no other run, and give up what is being armed."""

    def close(self) -> bool:
        """End the run, seal everything and stop every thread within 5 s; may be called twice.

        Returns
        -------
        bool
            False where a run is still being armed, which gives up at its next step.
        """


class LineHere:
    """The line in this process.

    Parameters
    ----------
    data
        The data folder.
    catalogue
        Its runs; the one in progress is made known there.
    transport
        What work goes through.
    makers
        How the parts of a run are found.
    upkeep
        When the disk is too full, and which runs may go.
    """

    def __init__(self, data: Path, catalogue: Catalogue, transport: Transport, makers: Makers, upkeep: Upkeep) -> None:
        self._data = data
        self._catalogue = catalogue
        self._transport = transport
        self._makers = makers
        self._upkeep = upkeep
        self._lock = threading.Lock()
        self._arm_lock = threading.Lock()
        self._crash_lock = threading.Lock()
        self._data_lock = DataLock(data)
        self._checked_for_crashes = False
        self._sequence = 0
        self._arming = False
        self._closing = threading.Event()
        self._job: Job | None = None
        self._acknowledged: Job | None = None

    @property
    def busy(self) -> bool:
        """Whether a run goes on, from armed to over."""
        job = self._job
        return job is not None and not job.over

    def close_crashed(self) -> bool:
        """Close runs that a crash left open; False where another service has the data folder."""
        with self._crash_lock:
            if not self._checked_for_crashes and self._catalogue.root.is_dir() and self._data_lock.acquire():
                self._catalogue.close_crashed()
                self._checked_for_crashes = True
            return self._checked_for_crashes

    def start(self, request: RunRequest, gates: Sequence[Gate]) -> Run:
        """Arm a run with its gates and, unless it is to be held, let it acquire; see `RunControl.start`."""
        with self._lock:
            self._require_idle()
            self._arming = True
        try:
            with self._arm_lock:
                return self._start(request, gates)
        finally:
            self._arming = False

    def begin(self, run_id: str) -> Run:
        """Let a run acquire that was held; see `RunControl.begin`."""
        job = self._job
        if job is None or job.run.id != run_id:
            run = self._catalogue.folder(run_id).run()
            raise RunStateError(f"The run {run_id} is {run.state}; only an armed run can be started.")
        job.start()
        return job.run

    def stop(self, run_id: str) -> Run:
        """Take no more samples; see `RunControl.stop`."""
        job = self._job
        if job is None or job.run.id != run_id or job.over:
            run = self._catalogue.folder(run_id).run()
            raise RunStateError(
                f"The run {run_id} is {run.state}; only a run that is armed or acquiring can be stopped."
            )
        job.end()
        return job.run

    def acknowledge(self) -> None:
        """Say that it is known how the last run ended."""
        self._acknowledged = self._job

    def wait(self, run_id: str, timeout: float | None) -> Run | None:
        """Wait until a run is over, and return it as it then stands; None at once where it is not the last one."""
        job = self._job
        if job is None or job.run.id != run_id:
            return None
        job.wait(timeout)
        return job.run

    def run(self) -> Run | None:
        """Return the run in progress, otherwise the last one, as it stands; None before the first."""
        job = self._job
        return None if job is None else job.run

    def status(self) -> ServiceStatus:
        """Return its part of the service's status."""
        job, state = self._job, self._state()
        return ServiceStatus.model_validate(
            {
                "state": state,
                "error": job.run.error if job is not None and state is ServiceState.ERROR else None,
                "disk": self._upkeep.disk.look(),
                **self._transport.status(),
                **({} if job is None else job.status()),
            }
        )

    def refuse(self) -> None:
        """Begin no other run, and give up what is being armed."""
        self._closing.set()
        self._transport.refuse(CLOSED)

    def close(self) -> bool:
        """End the run, seal everything and stop every thread within 5 s; may be called twice."""
        self.refuse()
        # A start that is arming gives up at its next step; one that is long leaves nothing behind that is not whole.
        armed = self._arm_lock.acquire(timeout=_ARM_PATIENCE_S)
        if self._job is not None:
            self._job.close(_CLOSE_PATIENCE_S)
        if armed:
            self._arm_lock.release()
        self._transport.close()
        self._data_lock.release()
        return armed

    def _start(self, request: RunRequest, gates: Sequence[Gate]) -> Run:
        if self._closing.is_set():
            raise RunStateError(CLOSED)
        if not self._has_the_folder():
            raise RunStateError(
                f"Another Lightline service is using the data folder '{self._data}'; "
                "stop it, or choose another folder with --data."
            )
        self.close_crashed()
        # Also where there was no run yet: from now on, one that is open is ours.
        self._checked_for_crashes = True
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

    def _has_the_folder(self) -> bool:
        """Take the data folder; the line of a service that was killed is given the time to seal its run."""
        until_s = time.monotonic() + _LOCK_PATIENCE_S
        while not self._data_lock.acquire():
            if time.monotonic() > until_s or self._closing.wait(_LOCK_TURN_S):
                return False
        return True

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
