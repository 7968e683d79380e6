"""Starts, watches and ends runs: the one thing that the API, the command line and tests talk to."""

from __future__ import annotations

import time
from pathlib import Path

from inference.bundle import Bundle
from inference.engine import Engine
from service.engines import Engines
from service.gates.gate import Gate
from service.operator_lock import OperatorLock
from service.result_set import LIVE
from service.run import Run, RunRequest
from service.runs.arming import Makers
from service.runs.line import RUNS, Line, LineHere
from service.runs.sequences import Sequences
from service.runs.transport import Transport
from service.sink.copier import Copier
from service.status import ServiceState, ServiceStatus
from service.store.catalogue import Catalogue
from service.store.run_folder import RunFolder
from service.store.upkeep import Upkeep
from service.tasks.board import Tasks

__all__ = ["RUNS", "RunControl", "ServiceState", "ServiceStatus"]


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
        `inproc://` for threads of the line's process, `tcp://127.0.0.1:PORT` for processes.
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
    line
        Where runs are acquired: a line that was made already, in place of one in this process; workers, transport,
        makers, upkeep and keys are its own.
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
        line: Line | None = None,
    ) -> None:
        data, makers = Path(data_dir), makers or Makers()
        self._catalogue = Catalogue(data / RUNS)
        if line is None:
            between = Transport(transport, workers, provider, makers.engine, keys)
            line = LineHere(data, self._catalogue, between, makers, upkeep or Upkeep(data))
        self._line = line
        self._sink = sink
        self._began_s = time.monotonic()
        self._checked_for_crashes = False
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
        # Asked for first: the run that they come from may be one that goes now.
        run = self._line.start(request, self._gates_for(request))
        self._catalogue.forget_removed()
        return run

    def begin(self, run_id: str) -> Run:
        """Let a run acquire that was held.

        Raises
        ------
        UnknownRun
            If there is no such run.
        RunStateError
            If it is not armed.
        """
        return self._line.begin(run_id)

    def stop(self, run_id: str) -> Run:
        """Take no more samples; what was detected is still finished. A run that is armed ends with nothing in it.

        Raises
        ------
        UnknownRun
            If there is no such run.
        RunStateError
            If it is over already.
        """
        return self._line.stop(run_id)

    def acknowledge(self) -> None:
        """Say that it is known how the last run ended: the service is idle again where it showed an error."""
        self._line.acknowledge()

    def wait(self, run_id: str, timeout: float | None = None) -> Run:
        """Wait until a run is over, at most `timeout` seconds, and return it as it then stands."""
        return self._line.wait(run_id, timeout) or self.folder(run_id).run()

    def status(self) -> ServiceStatus:
        """Return a snapshot of what the service is doing."""
        return self._line.status().model_copy(
            update={
                "operator": self.operator.status(),
                "sequence": self.sequences.newest(),
                "uptime_s": time.monotonic() - self._began_s,
                "sink": self._sink.status() if self._sink else None,
            }
        )

    @property
    def busy(self) -> bool:
        """Whether a run goes on, from armed to over."""
        return self._line.busy

    def runs(self) -> list[Run]:
        """Return every run of the data folder, the oldest first; the one in progress as it stands."""
        self._close_crashed_runs()
        live = self._line.run()
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
        self._line.refuse()
        self.sequences.end()
        self.tasks.close()
        if self._line.close():
            self.sequences.join()
        self._catalogue.close()

    def __enter__(self) -> RunControl:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _gates_for(self, request: RunRequest) -> tuple[Gate, ...]:
        """Return the gates that a run is to begin with; raises `UnknownRun` where they are to come from no run."""
        if request.gates_from is None:
            return request.gates
        newest = self.folder(request.gates_from).gates.newest()
        return tuple(version.gate for version in newest.values() if version.gate is not None)

    def _close_crashed_runs(self) -> None:
        self._checked_for_crashes = self._checked_for_crashes or self._line.close_crashed()
