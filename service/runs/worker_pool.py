"""The service's own inference workers: threads where they can share memory, processes where there is an address."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from inference.address import from_here, is_inproc
from inference.router import Context
from inference.worker import EngineMaker, Worker

_PATIENCE_S = 30.0


class WorkerPool:
    """Keeps `count` workers at work; `start` again replaces those that died."""

    def __init__(
        self,
        address: str,
        count: int,
        provider: str,
        make_engine: EngineMaker,
        context: Context,
        keys: Path | None = None,
    ) -> None:
        self._address = from_here(address)
        self._keys = keys
        self._count = count
        self._provider = provider
        self._make_engine = make_engine
        self._context = context
        self._threads: list[tuple[Worker, threading.Thread]] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start as many workers as are missing."""
        if is_inproc(self._address):
            self._threads = [(worker, thread) for worker, thread in self._threads if thread.is_alive()]
            for number in range(len(self._threads), self._count):
                self._start_thread(number)
        else:
            self._processes = [process for process in self._processes if process.poll() is None]
            for number in range(len(self._processes), self._count):
                self._start_process(number)

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Send them home; False if a thread is still busy with its batch after that time."""
        for worker, _ in self._threads:
            worker.stop()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for _, thread in self._threads:
            thread.join(timeout_s)
        gone = not any(thread.is_alive() for _, thread in self._threads)
        self._threads, self._processes = [], []
        return gone

    def process_ids(self) -> list[int]:
        """Return the ids of the worker processes."""
        return [process.pid for process in self._processes if process.poll() is None]

    def _start_thread(self, number: int) -> None:
        worker = Worker(self._address, self._make_engine, name=f"thread-{number}", context=self._context)
        thread = threading.Thread(target=worker.run, name=f"worker-{number}", daemon=True)
        thread.start()
        self._threads.append((worker, thread))

    def _start_process(self, number: int) -> None:
        command = [sys.executable, "-m", "inference.worker_process", self._address]
        options = ["--name", f"process-{number}", "--provider", self._provider, "--patience-s", f"{_PATIENCE_S:g}"]
        if self._keys is not None:
            options += ["--keys", str(self._keys)]
        self._processes.append(subprocess.Popen([*command, *options], stdin=subprocess.DEVNULL))
