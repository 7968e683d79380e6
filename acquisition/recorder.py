"""Keep a running stream on disk without ever holding up the instrument."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Self

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import ConfigError, LightlineError, RecordingStopped
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.source import Truth
from acquisition.trace_files import FILE_BYTES, TraceFiles

QUEUE_BYTES = 64 << 20
_IDLE_S = 0.2


class Recorder:
    """Writes blocks to trace files from a thread of its own.

    States: new -> `start` -> recording -> (the disk takes no more) -> stopped -> `close`. One thread at a time calls
    `put` and `close`; the counts and `error` may be read from any.

    Every sample given to `put` is in the end either in `samples_written` or in `samples_dropped`. Dropped samples
    between stored ones stand in the file's gap table as lost.

    Parameters
    ----------
    path, instrument, origin, description, file_bytes
        As in `TraceFiles`: the recording goes on in files named after `path` where one has `file_bytes`.
    waits
        What happens when the disk is slower than the stream and the queue is full: True holds up the caller, for
        streams that wait for their reader; False drops the block from the recording and counts it.
    queue_bytes
        Most bytes waiting to be written.
    """

    def __init__(
        self,
        path: str | Path,
        instrument: Instrument,
        *,
        origin: Origin,
        description: str = "",
        waits: bool = True,
        queue_bytes: int = QUEUE_BYTES,
        file_bytes: int = FILE_BYTES,
    ) -> None:
        if queue_bytes < 1:
            raise ConfigError(f"queue_bytes must be at least 1, got {queue_bytes}.")
        self._path = Path(path)
        self._instrument = instrument
        self._origin = origin
        self._description = description
        self._waits = waits
        self._queue_bytes = queue_bytes
        self._file_bytes = file_bytes
        self._queue: deque[Block] = deque()
        self._queued_bytes = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._writer: TraceFiles | None = None
        self._ending = False
        self._lost = 0
        self._given = 0
        self._written = 0
        self._dropped = 0
        self._error: LightlineError | None = None

    @property
    def path(self) -> Path:
        """The first file."""
        return self._path

    @property
    def error(self) -> LightlineError | None:
        """Why the recording stopped before its end; None if it did not."""
        return self._error

    @property
    def samples_written(self) -> int:
        """Samples per channel in the file."""
        return self._written

    @property
    def samples_dropped(self) -> int:
        """Samples per channel given to `put` that are not in the file and never will be."""
        return self._dropped

    def start(self) -> None:
        """Create the file and begin.

        Raises
        ------
        ConfigError
            If the file cannot be created.
        RecordingStopped
            If the disk is full already, or this recorder was used before.
        """
        if self._thread is not None or self._ending:
            raise RecordingStopped(f"The recording '{self._path}' was started before; make a new one.")
        self._writer = TraceFiles(
            self._path,
            self._instrument,
            origin=self._origin,
            description=self._description,
            file_bytes=self._file_bytes,
        )
        self._thread = threading.Thread(target=self._write, args=(self._writer,), name="recorder", daemon=True)
        self._thread.start()

    def put(self, block: Block) -> bool:
        """Queue a block; a borrowed one is copied, so it may be released as soon as this returns.

        Returns
        -------
        bool
            False if the block was dropped, because the queue is full or the recording has stopped.
        """
        n_bytes = block.data.nbytes
        with self._changed:
            self._given += block.n_samples
            while self._waits and self._is_recording() and not self._has_room(n_bytes):
                self._changed.wait()
            if not self._is_recording() or not self._has_room(n_bytes):
                self._drop(block)
                return False
            lost, self._lost = _sum_losses(self._lost, block.lost_before), 0
            data = block.data.copy() if block.borrowed else block.data
            self._queue.append(replace(block, data=data, lost_before=lost, borrowed=False))
            self._queued_bytes += n_bytes
            self._changed.notify_all()
        return True

    def close(self, truth: Truth | None = None) -> None:
        """Write what is queued and finish the file, with what is known of its cells; may be called twice.

        Never raises for the disk's sake: `error` tells whether the file is whole.
        """
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            if truth is not None and self._error is None:
                writer.set_truth(truth)
        except LightlineError as error:
            self._error = error
        try:
            writer.close()
        except LightlineError as error:
            self._error = self._error or error
        self._written = writer.samples_written
        self._dropped = self._given - self._written

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _is_recording(self) -> bool:
        return self._thread is not None and self._error is None and not self._ending

    def _has_room(self, n_bytes: int) -> bool:
        return not self._queue or self._queued_bytes + n_bytes <= self._queue_bytes

    def _drop(self, block: Block) -> None:
        self._dropped += block.n_samples
        self._lost = _sum_losses(self._lost, block.lost_before, block.n_samples)

    def _write(self, writer: TraceFiles) -> None:
        try:
            while self._write_next(writer):
                self._written = writer.samples_written
        except LightlineError as error:
            self._stop(writer, error)
        except Exception as error:  # whatever it is, callers of `put` must not wait for this thread any more
            self._stop(writer, RecordingStopped(f"The recording '{self._path}' stopped: {error}."))

    def _write_next(self, writer: TraceFiles) -> bool:
        with self._changed:
            if not self._queue and not self._ending:
                self._changed.wait(_IDLE_S)
            block = self._queue.popleft() if self._queue else None
            if block is not None:
                self._queued_bytes -= block.data.nbytes
                self._changed.notify_all()
        if block is not None:
            writer.append(block)
            return True
        writer.flush_if_due()
        return not self._ending

    def _stop(self, writer: TraceFiles, error: LightlineError) -> None:
        with self._changed:
            self._error = error
            self._queue.clear()
            self._written = writer.samples_written
            self._dropped = self._given - self._written
            self._changed.notify_all()


def _sum_losses(*losses: int) -> int:
    return UNKNOWN_LOSS if UNKNOWN_LOSS in losses else sum(losses)
