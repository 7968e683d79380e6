"""Starts the processes of tasks, hears how far they are, and ends them."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from service.errors import RunStateError, UnknownTask
from service.tasks.status import TaskKind, TaskState, TaskStatus

_REMEMBERED = 50
_PATIENCE_S = 2.0


class Tasks:
    """One task at a time, and the last ones; from any thread. A restart forgets them all.

    States: as `TaskState` says, for each task; `close` cancels the one that is running, and refuses others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Task] = OrderedDict()
        self._closed = False

    def begin(
        self, kind: TaskKind, run: str, results: str, unit: str, module: str, arguments: Sequence[str]
    ) -> TaskStatus:
        """Start a process for a task.

        Parameters
        ----------
        kind, run, results, unit
            As in `TaskStatus`.
        module
            What the process runs, with `service.tasks.child.work`.
        arguments
            For it.

        Raises
        ------
        RunStateError
            If another task is running, or the service is being closed.
        """
        with self._lock:
            if self._closed:
                raise RunStateError("The service is being closed; ask again when it is there.")
            running = next((one for one in self._known.values() if one.status().state is TaskState.RUNNING), None)
            if running is not None:
                about = running.status()
                raise RunStateError(
                    f"A task is running already ({about.kind} '{about.results}' of the run {about.run}); wait until it "
                    "is over, or cancel it."
                )
            status = TaskStatus(
                id=secrets.token_hex(6), kind=kind, run=run, results=results, state=TaskState.RUNNING, unit=unit
            )
            task = self._known[status.id] = _Task(status, [sys.executable, "-m", module, *arguments])
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return task.status()

    def all(self) -> list[TaskStatus]:
        """Return the last tasks, the newest first."""
        with self._lock:
            known = list(self._known.values())
        return [one.status() for one in reversed(known)]

    def status(self, task_id: str) -> TaskStatus:
        """Return how far a task is; raises `UnknownTask`."""
        return self._of(task_id).status()

    def cancel(self, task_id: str) -> TaskStatus:
        """End a task; what it has sealed stays, and whoever asks for the same goes on with it.

        Raises
        ------
        UnknownTask
            If there is none of that id.
        RunStateError
            If it is over already.
        """
        task = self._of(task_id)
        before = task.status()
        if before.state is not TaskState.RUNNING:
            raise RunStateError(f"The task {task_id} is {before.state}; only one that is running can be cancelled.")
        task.end()
        return task.status()

    def close(self) -> None:
        """End what is running; may be called twice."""
        with self._lock:
            self._closed = True
            known = list(self._known.values())
        for one in known:
            one.end()

    def _of(self, task_id: str) -> _Task:
        with self._lock:
            task = self._known.get(task_id)
        if task is None:
            raise UnknownTask(f"There is no task '{task_id[:70]}'; the service remembers the last {_REMEMBERED}.")
        return task


class _Task:
    """A task and its process."""

    def __init__(self, status: TaskStatus, command: list[str]) -> None:
        self._status = status
        self._began_s = time.monotonic()
        self._cancelled = False
        self._lock = threading.Lock()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._listener = threading.Thread(target=self._listen, name="task-listener", daemon=True)
        self._listener.start()

    def status(self) -> TaskStatus:
        with self._lock:
            if self._status.state is TaskState.RUNNING:
                return self._status.model_copy(update={"seconds": time.monotonic() - self._began_s})
            return self._status

    def end(self) -> None:
        """End the process, if it has not ended, and wait until that is noted."""
        if self._process.poll() is None:
            self._cancelled = True
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._listener.join(_PATIENCE_S)

    def _listen(self) -> None:
        assert self._process.stdout is not None and self._process.stdin is not None
        with self._process.stdout as said, self._process.stdin:
            for line in said:
                self._take(_understood(line))
            code = self._process.wait()
        self._take(self._ended(code))

    def _ended(self, code: int) -> dict[str, Any]:
        seconds = time.monotonic() - self._began_s
        if code == 0:
            return {"state": TaskState.DONE, "seconds": seconds}
        if self._cancelled:
            return {"state": TaskState.CANCELLED, "seconds": seconds}
        why = self._status.error or f"Its process ended with exit code {code}; the service's log says more."
        return {"state": TaskState.FAILED, "seconds": seconds, "error": why}

    def _take(self, news: dict[str, Any]) -> None:
        with self._lock:
            self._status = self._status.model_copy(update=news)


def _understood(line: bytes) -> dict[str, Any]:
    """Return what a process said of itself; what libraries print besides is nothing."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return {name: said[name] for name in ("done", "total", "error") if name in said} if isinstance(said, dict) else {}
