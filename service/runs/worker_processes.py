"""Worker processes that are replaced when they die."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger("lightline.workers")

WATCH_S = 0.1
STEADY_S = 10.0
"""A process that lives so long is replaced at once when it dies; one that does not, later each time."""
LONGEST_PAUSE_S = 30.0
_FIRST_PAUSE_S = 1.0


@dataclass
class _Place:
    """One of the processes that there should be."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    began_s: float = 0.0
    pause_s: float = 0.0
    due_s: float = 0.0
    """When the next process may be started; 0 at once."""


class WorkerProcesses:
    """Keeps `count` processes at work.

    States: new -> `start` -> watching -> `stop` -> new. A process that ends with exit code 0 was sent home, and only
    `start` replaces it; one that dies is reported to `lost` and replaced, at once if it had lived for `STEADY_S`, else
    after a pause that doubles up to `LONGEST_PAUSE_S`.

    Parameters
    ----------
    count
        How many there should be.
    command
        Gives the command line of a process, by name.
    lost
        Is told the name of every process that died, from the watching thread.
    """

    def __init__(self, count: int, command: Callable[[str], list[str]], lost: Callable[[str], object]) -> None:
        self._command = command
        self._lost = lost
        self._places = [_Place(f"process-{number}") for number in range(count)]
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._watcher: threading.Thread | None = None
        self.replaced = 0
        """How often a process that had died was replaced."""

    def start(self) -> None:
        """Start the processes that are missing, and watch all of them."""
        with self._lock:
            for place in self._places:
                if place.process is None or place.process.poll() is not None:
                    self._begin(place)
        if self._watcher is None and self._places:
            self._ending.clear()
            self._watcher = threading.Thread(target=self._watch, name="worker-watch", daemon=True)
            self._watcher.start()

    def stop(self, timeout_s: float) -> None:
        """End the watch and the processes; those that do not go by themselves are killed."""
        self._ending.set()
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        running = [place.process for place in self._places if place.process is not None]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for place in self._places:
            place.process = None

    def ids(self) -> list[int]:
        """Return the ids of the processes that run."""
        with self._lock:
            processes = [place.process for place in self._places]
        return [process.pid for process in processes if process is not None and process.poll() is None]

    def _begin(self, place: _Place) -> None:
        place.process = subprocess.Popen(self._command(place.name), stdin=subprocess.DEVNULL)
        place.began_s, place.due_s = time.monotonic(), 0.0

    def _watch(self) -> None:
        while not self._ending.wait(WATCH_S):
            with self._lock:
                for place in self._places:
                    self._look_at(place, time.monotonic())

    def _look_at(self, place: _Place, now_s: float) -> None:
        if place.due_s and now_s >= place.due_s:
            self.replaced += 1
            self._begin(place)
        elif place.process is not None and place.process.poll():
            died = place.process.returncode
            place.process = None
            steady = now_s - place.began_s >= STEADY_S
            place.pause_s = 0.0 if steady else min(max(2 * place.pause_s, _FIRST_PAUSE_S), LONGEST_PAUSE_S)
            place.due_s = now_s + place.pause_s
            self._lost(place.name)
            logger.warning(
                f"An inference worker died (exit code {died}); another one takes its place.",
                extra={"what": "worker_died", "stage": "infer", "worker": place.name, "exit_code": died},
            )
