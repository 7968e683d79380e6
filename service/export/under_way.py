"""The exports that are being made for callers of the API: few at a time, and how far each is."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from service.errors import RunStateError
from service.export.destination import write_whole
from service.export.exporter import Exporter, StreamedExporter
from service.export.formats import Format
from service.export.selection import Selection
from service.store.use import Use

MOST_AT_ONCE = 2
"""Because an export takes what is left of the disk and the processor beside an acquisition."""
_BLOCK_BYTES = 1 << 20


class ExportStatus(BaseModel):
    """How far an export is."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    id: int
    """Counted from the start of the service; the header `Lightline-Export` of its answer."""
    run: str
    format: Format
    unit: str
    """What is counted: rows, cells or samples."""
    done: int
    total: int
    """0 while it is not known."""
    bytes_sent: int
    seconds: float
    """Since it was asked for."""


class ExportUnderWay:
    """One of them: its content, and how far it is; ends when the content is used up or given up.

    Until then nobody removes its run.
    """

    def __init__(self, board: ExportsUnderWay, number: int, run: str, kind: Format, unit: str) -> None:
        self.id = number
        self.length: int | None = None
        """Bytes in all, where they are known before they are sent."""
        self._board = board
        self._about = {"id": number, "run": run, "format": kind, "unit": unit}
        self._began = time.monotonic()
        self._done, self._total, self._sent = 0, 0, 0
        self._use: Use | None = None

    def progress(self, done: int, total: int) -> None:
        """Take note of how far it is."""
        self._done, self._total = done, total

    def status(self) -> ExportStatus:
        """Return how far it is."""
        return ExportStatus(
            **self._about,
            done=self._done,
            total=self._total,
            bytes_sent=self._sent,
            seconds=time.monotonic() - self._began,
        )

    def body(self, exporter: Exporter, wanted: Selection) -> Generator[bytes]:
        """Return the content piece by piece; errors that a caller can cause are raised now, not on the way.

        Raises
        ------
        LightlineError
            If the run does not have what is wanted, or the disk does not take the file.
        """
        self._use = Use(wanted.folder.path)
        try:
            if isinstance(exporter, StreamedExporter):
                pieces = exporter.pieces(wanted, self.progress)
                first = next(pieces)
            else:
                pieces = self._from_file(exporter, wanted)
                first = next(pieces)
        except BaseException:
            self._end()
            raise
        body = self._sent_on(first, pieces)
        # Begun, so that it is ended wherever the caller leaves, also before the first byte.
        next(body)
        return body

    def _end(self) -> None:
        if self._use is not None:
            self._use.end()
        self._board.end(self)

    def _sent_on(self, first: bytes, pieces: Iterator[bytes]) -> Generator[bytes]:
        try:
            yield b""
            for piece in itertools.chain((first,), pieces):
                self._sent += len(piece)
                yield piece
        finally:
            self._end()

    def _from_file(self, exporter: Exporter, wanted: Selection) -> Iterator[bytes]:
        """Write a file of the data folder, and give it away while it has no name any more."""
        self._board.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._board.folder) as place:
            path = Path(place) / f"export{exporter.suffix}"
            write_whole(exporter, wanted, path, self.progress)
            self.length = path.stat().st_size
            with path.open("rb") as file:
                # Where a file that is open can be removed, nothing is left of it whatever happens.
                with suppress(OSError):
                    path.unlink()
                while piece := file.read(_BLOCK_BYTES):
                    yield piece


class ExportsUnderWay:
    """All of them.

    Parameters
    ----------
    folder
        For files that have to be whole before they can be sent; what an earlier service left there is removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._under_way: dict[int, ExportUnderWay] = {}
        shutil.rmtree(folder, ignore_errors=True)

    def begin(self, run: str, kind: Format, unit: str) -> ExportUnderWay:
        """Make room for one more.

        Raises
        ------
        RunStateError
            If there are too many.
        """
        with self._lock:
            if len(self._under_way) >= MOST_AT_ONCE:
                raise RunStateError(f"{MOST_AT_ONCE} exports are under way already; ask again when one has ended.")
            one = ExportUnderWay(self, next(self._numbers), run, kind, unit)
            self._under_way[one.id] = one
            return one

    def end(self, one: ExportUnderWay) -> None:
        """Take one away."""
        with self._lock:
            self._under_way.pop(one.id, None)

    def statuses(self) -> list[ExportStatus]:
        """Return how far each is, the oldest first."""
        with self._lock:
            return [one.status() for one in self._under_way.values()]
