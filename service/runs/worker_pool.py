"""The service's own inference workers: threads where they can share memory, processes where there is an address."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from inference.address import from_here, is_inproc
from inference.dispatcher import Dispatcher
from inference.router import Context
from inference.worker import EngineMaker, Worker
from service.runs.worker_processes import WorkerProcesses

_PATIENCE_S = 30.0


class WorkerPool:
    """Keeps `count` workers at work for a dispatcher; processes that die are replaced, with their work given again."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        count: int,
        provider: str,
        make_engine: EngineMaker,
        context: Context,
        keys: Path | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._address = from_here(dispatcher.address)
        self._keys = keys
        self._count = count
        self._provider = provider
        self._make_engine = make_engine
        self._context = context
        self._threads: list[tuple[Worker, threading.Thread]] = []
        self._processes = WorkerProcesses(0 if is_inproc(self._address) else count, self._command, dispatcher.lost)

    def start(self) -> None:
        """Start as many workers as are missing."""
        if is_inproc(self._address):
            self._threads = [(worker, thread) for worker, thread in self._threads if thread.is_alive()]
            for number in range(len(self._threads), self._count):
                self._start_thread(number)
        self._processes.start()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Send them home; False if a thread is still busy with its batch after that time."""
        for worker, _ in self._threads:
            worker.stop()
        self._processes.stop(timeout_s)
        for _, thread in self._threads:
            thread.join(timeout_s)
        gone = not any(thread.is_alive() for _, thread in self._threads)
        self._threads = []
        return gone

    @property
    def replaced(self) -> int:
        """How often a process that had died was replaced."""
        return self._processes.replaced

    def process_ids(self) -> list[int]:
        """Return the ids of the worker processes."""
        return self._processes.ids()

    def _start_thread(self, number: int) -> None:
        worker = Worker(self._address, self._make_engine, name=f"thread-{number}", context=self._context)
        thread = threading.Thread(target=worker.run, name=f"worker-{number}", daemon=True)
        thread.start()
        self._threads.append((worker, thread))
        if number == 0:
            self._dispatcher.answered_by(worker)

    def _command(self, name: str) -> list[str]:
        command = [sys.executable, "-m", "inference.worker_process", self._address]
        options = ["--name", name, "--provider", self._provider, "--patience-s", f"{_PATIENCE_S:g}"]
        return [*command, *options, *([] if self._keys is None else ["--service-keys", str(self._keys)])]
