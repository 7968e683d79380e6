"""Copies what is sealed in the background: a sink that is away is waited for, and a run is never."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from acquisition.errors import LightlineError
from service.result_set import LIVE, ResultState
from service.sink.address import checked_address
from service.sink.errors import PartRefused
from service.sink.opening import Sink, open_sink, require_libraries
from service.sink.sealed import SealedPart, parts_of, sets_of
from service.status import SinkStatus
from service.store.copied import Signature, note_copied, signature
from service.store.run_files import run_folders

LOOK_S = 2.0
"""How often new parts are looked for."""
MOST_PAUSE_S = 15.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Folder:
    """A run folder in which something is new.

    Attributes
    ----------
    mark
        What it looks like now.
    parts
        Those that are not known to be copied.
    whole
        Whether these are all: nothing in it is damaged, or was refused before.
    """

    path: Path
    mark: Signature
    parts: list[SealedPart]
    whole: bool


class Copier:
    """A thread that copies every sealed part of a data folder, each once, in the order of the runs.

    What is copied stands at the sink: who starts again asks. That the sink has all of a run that has ended is noted
    in its folder, for who removes old runs. One piece of one part is in memory at a time. A part that cannot be copied,
    though the sink is there, is left for the next start.

    Parameters
    ----------
    root
        Folder of the runs.
    address
        Of a PostgreSQL server, or of a folder of files, see `checked_address`.
    pause_s
        Between looks, and the first of the pauses after a failure, which double up to `MOST_PAUSE_S`.
    connect
        Opens the sink.

    Raises
    ------
    ValueError
        If the address is none.
    ConfigError
        If a library that it needs is not installed.
    """

    def __init__(
        self,
        root: Path,
        address: str,
        *,
        pause_s: float = LOOK_S,
        connect: Callable[[str], Sink] = open_sink,
    ) -> None:
        require_libraries(address)
        self._root = root
        self._address = checked_address(address)
        self._pause_s = pause_s
        self._connect = connect
        self._sink: Sink | None = None
        self._done: dict[Path, Signature] = {}
        self._copied: set[tuple[str, ...]] = set()
        self._asked: set[tuple[str, str, str]] = set()
        self._bad: dict[tuple[str, ...], tuple[str, int]] = {}
        self._lock = threading.Lock()
        self._status = SinkStatus(address=address)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sink", daemon=True)

    def start(self) -> None:
        """Begin to copy."""
        self._thread.start()

    def status(self) -> SinkStatus:
        """Return how far it is."""
        with self._lock:
            return self._status

    def close(self, patience_s: float) -> SinkStatus:
        """Look once more, copy what there is if `patience_s` allows it, and end; return what is left."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(patience_s)
        return self.status()

    def _work(self) -> None:
        failures = 0
        while True:
            last = self._closing.is_set()
            failures = 0 if self._pass() else failures + 1
            if last:
                break
            self._closing.wait(min(self._pause_s * 2.0**failures, max(self._pause_s, MOST_PAUSE_S)))
        self._disconnect()

    def _pass(self) -> bool:
        """Copy all there is; False where the sink, or the way to it, was not there for all of it."""
        try:
            waiting = self._waiting()
            if self._sink is None:
                self._sink = self._connect(self._address)
            self._tell(connected=True)
            for one in waiting:
                self._copy_folder(self._sink, one)
        except (LightlineError, OSError) as error:
            self._failed(str(error))
            self._disconnect()
            return False
        self._tell(error=next((sentence for sentence, _ in self._bad.values()), None))
        return True

    def _waiting(self) -> list[_Folder]:
        """Look for run folders in which something is new, and for parts that are not known to be copied."""
        found = []
        for path in run_folders(self._root):
            mark = signature(path)
            if self._done.get(path) != mark:
                parts = list(self._new_parts(path))
                good = [one for one in parts if one.key not in self._bad]
                whole = len(good) == len(parts) and not any((str(at),) in self._bad for _, at in sets_of(path))
                found.append(_Folder(path, mark, good, whole))
        rows = sum(part.part.rows for one in found for part in one.parts)
        self._tell(behind_rows=rows + sum(rows for _, rows in self._bad.values()))
        return found

    def _new_parts(self, folder: Path) -> Iterator[SealedPart]:
        for about, path in sets_of(folder):
            try:
                parts = list(parts_of(about, path, beside=about.name != LIVE))
            except (LightlineError, OSError) as error:
                self._leave((str(path),), str(error), 0)
                continue
            yield from (one for one in parts if one.key not in self._copied)

    def _copy_folder(self, sink: Sink, folder: _Folder) -> None:
        ended = False
        for about, _ in sets_of(folder.path):
            ended = ended or (about.name == LIVE and about.state is ResultState.DONE)
            sink.begin(about)
            whose = (about.run, about.name, about.started_at)
            if whose not in self._asked:
                self._copied |= {(*whose, *one) for one in sink.copied(about)}
                self._asked.add(whose)
        for part in folder.parts:
            self._copy(sink, part)
        if ended and folder.whole and all(part.key in self._copied for part in folder.parts):
            note_copied(folder.path, self._address, folder.mark)
        self._done[folder.path] = folder.mark

    def _copy(self, sink: Sink, part: SealedPart) -> None:
        copied = 0
        try:
            if part.key not in self._copied:
                copied = sink.copy(part)
        except (PartRefused, pa.ArrowException, OSError) as error:
            if not part.part.path.exists():
                # Taken away while it waited, with its run or to be made again: the next look finds what there is.
                return
            reason = str(error).splitlines()[0]
            self._leave(part.key, f"The part '{part.part.path}' cannot be copied ({reason}).", part.part.rows)
            return
        self._copied.add(part.key)
        with self._lock:
            rows = {
                "behind_rows": max(0, self._status.behind_rows - part.part.rows),
                "copied_rows": self._status.copied_rows + copied,
            }
            self._status = self._status.model_copy(update=rows)

    def _leave(self, key: tuple[str, ...], sentence: str, rows: int) -> None:
        if key not in self._bad:
            self._bad[key] = (sentence, rows)
            self._failed(sentence)

    def _failed(self, sentence: str) -> None:
        first = sentence.strip().splitlines()[0] if sentence.strip() else "the sink is gone"
        status = self.status()
        if status.error != first:
            _log.warning("the sink does not take rows: %s", first, extra={"what": "sink_failed"})
        self._tell(error=first, failures=status.failures + 1)

    def _disconnect(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()
        self._tell(connected=False)

    def _tell(self, **changes: object) -> None:
        with self._lock:
            self._status = self._status.model_copy(update=changes)
