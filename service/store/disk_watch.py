"""How full the disk of a data folder is, and how long it lasts: warned of early, refused before it is too late."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.errors import StorageError
from service.status import DiskStatus

logger = logging.getLogger("lightline.storage")

_LOOK_S = 1.0
_RATE_S = 60.0
_LEAST_RATE_S = 5.0
_CLEAR = 1.05
"""The warning ends this much above its mark, so that it does not come and go."""


@dataclass(frozen=True)
class Watermarks:
    """When the disk is too full.

    Attributes
    ----------
    warn_bytes, warn_minutes
        Warn where less is free than this, or than is written in so many minutes at the present rate.
    refuse_bytes
        Begin no run where less is free.
    """

    warn_bytes: int = 10 << 30
    warn_minutes: float = 30.0
    refuse_bytes: int = 1 << 30


def free_bytes(folder: Path) -> int:
    """Return what is free where a folder is, or will be made."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


class DiskWatch:
    """Looks at the free space at most once a second, from any thread, and tells the log when a warning begins or ends.

    Parameters
    ----------
    folder
        On the disk to watch.
    marks
        When it is too full.
    free, clock
        Free bytes at a folder, and monotonic seconds.
    """

    def __init__(
        self,
        folder: Path,
        marks: Watermarks,
        free: Callable[[Path], int] = free_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._marks = marks
        self._free = free
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: deque[tuple[float, int]] = deque()
        self._warning = False

    def look(self) -> DiskStatus:
        """Return how it stands."""
        with self._lock:
            now = self._clock()
            if not self._seen or now - self._seen[-1][0] >= _LOOK_S:
                self._seen.append((now, self._free(self._folder)))
                while now - self._seen[0][0] > _RATE_S:
                    self._seen.popleft()
                self._judge()
            return self._status()

    def require_room(self) -> None:
        """Check that there is room for another run.

        Raises
        ------
        StorageError
            If too little is free to begin one.
        """
        status = self.look()
        if status.free_bytes < status.refuse_below_bytes:
            raise StorageError(
                f"Only {_words(status.free_bytes)} are free for '{self._folder}', and a run begins with at least "
                f"{_words(status.refuse_below_bytes)}; remove runs with "
                "'lightline runs prune', or set --disk-refuse lower."
            )

    def _status(self) -> DiskStatus:
        rate = self._rate()
        return DiskStatus(
            free_bytes=self._seen[-1][1],
            written_bytes_per_s=rate,
            warn_below_bytes=max(self._marks.warn_bytes, round(rate * 60.0 * self._marks.warn_minutes)),
            refuse_below_bytes=self._marks.refuse_bytes,
            warning=self._warning,
        )

    def _rate(self) -> float:
        """How fast the free space goes, whoever takes it."""
        (began, before), (now, free) = self._seen[0], self._seen[-1]
        return max(0.0, (before - free) / (now - began)) if now - began >= _LEAST_RATE_S else 0.0

    def _judge(self) -> None:
        status, before = self._status(), self._warning
        self._warning = status.free_bytes < status.warn_below_bytes * (_CLEAR if before else 1.0)
        if self._warning is before:
            return
        fields = {"free_bytes": status.free_bytes, "warn_below_bytes": status.warn_below_bytes}
        if self._warning:
            sentence = f"Only {_words(status.free_bytes)} are free for the data folder."
            logger.warning(sentence, extra={"what": "storage_warning", **fields})
        else:
            logger.info("The data folder has room again.", extra={"what": "storage_ok", **fields})


def _words(n_bytes: int) -> str:
    return f"{n_bytes / (1 << 30):.1f} GiB"
