"""Keep a running stream on disk without ever holding up the instrument."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import ConfigError, LightlineError, RecordingStopped
from acquisition.event import ClockState, Event
from acquisition.instrument import Instrument
from acquisition.judgement import judgements
from acquisition.keeping import Keep, WindowKeeper
from acquisition.origin import Origin
from acquisition.precedence import come_first
from acquisition.recording_tally import Tally, TallyFile, tally_path
from acquisition.source import Truth
from acquisition.trace_files import FILE_BYTES, TraceFiles

QUEUE_BYTES = 64 << 20
_IDLE_S = 0.2


class Recorder:
    """Writes blocks to trace files from a thread of its own.

    States: new -> `start` -> recording -> (the disk takes no more) -> stopped -> `close`. One thread at a time calls
    `put` and `close`, another may call `searched` and `found`; the counts and `error` may be read from any.

    Every sample given to `put` is in the end in `samples_written`, `samples_dropped` or `samples_omitted`. Dropped
    samples between stored ones stand in the file's gap table as lost, those left out by choice as omitted.

    Parameters
    ----------
    path, instrument, origin, description, file_bytes
        As in `TraceFiles`: the recording goes on in files named after `path` where one has `file_bytes`.
    waits
        What happens when the disk is slower than the stream and the queue is full: True holds up the caller, for
        streams that wait for their reader; False drops the block from the recording and counts it.
    queue_bytes
        Most bytes waiting to be written.
    keep
        Whether every sample is kept, or event windows only; then whoever detects has to tell `searched`.
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
        keep: Keep = Keep.FULL,
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
        self._keeper = WindowKeeper() if keep is Keep.WINDOWS else None
        self._judged: list[npt.NDArray[np.void]] = []
        self._in_order = threading.Lock()
        self._tally: TallyFile | None = None
        self._queue: deque[Block] = deque()
        self._queued_bytes = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._writer: TraceFiles | None = None
        self._ending = False
        self._lost = self._omitted = 0
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

    @property
    def samples_omitted(self) -> int:
        """Samples per channel left out by choice."""
        return 0 if self._keeper is None else self._keeper.samples_omitted

    @property
    def events_cut(self) -> int:
        """Events found so late that a part of their windows had been left out."""
        return 0 if self._keeper is None else self._keeper.events_cut

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
        with suppress(OSError):
            # Without it a recording is as good, only what a kill took from it is not known to the sample.
            self._tally = TallyFile(tally_path(self._path))
        self._thread = threading.Thread(target=self._write, args=(self._writer,), name="recorder", daemon=True)
        self._thread.start()

    def put(self, block: Block) -> bool:
        """Queue a block; a borrowed one is copied, so it may be released as soon as this returns.

        Returns
        -------
        bool
            False if the block was dropped, because the queue is full or the recording has stopped.
        """
        with self._in_order:
            self._given += block.n_samples
            self._note()
            if self._keeper is None or not self._is_recording():
                return self._queue_up(block)
            own = replace(block, data=block.data.copy(), borrowed=False) if block.borrowed else block
            queued = [self._queue_up(kept) for kept in self._keeper.add(own)]
            return all(queued)

    def searched(self, block: Block, events: Sequence[Event], clock: ClockState | None) -> None:
        """Tell what detection found with a block that was put before; see `WindowKeeper.searched`."""
        if self._keeper is not None:
            with self._in_order:
                self._judged.append(judgements(events))
                for kept in self._keeper.searched(block, events, clock):
                    self._queue_up(kept)
                self._note()

    def found(self, events: Sequence[Event]) -> None:
        """Tell what detection found when the stream had ended."""
        if self._keeper is not None:
            with self._in_order:
                self._judged.append(judgements(events))
                self._keeper.found(events)

    def close(self, truth: Truth | None = None) -> None:
        """Write what is queued and finish the file, with what is known of its cells; may be called twice.

        Never raises for the disk's sake: `error` tells whether the file is whole.
        """
        if self._keeper is not None:
            with self._in_order:
                for kept in self._keeper.rest():
                    self._queue_up(kept)
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
            if self._judged and self._error is None:
                writer.set_judged(np.concatenate(self._judged))
        except LightlineError as error:
            self._error = error
        try:
            writer.close()
        except LightlineError as error:
            self._error = self._error or error
        self._written = writer.samples_written
        self._dropped = self._given - self._written - self.samples_omitted
        if self._tally is not None:
            self._tally.close()
            self._tally = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _queue_up(self, block: Block) -> bool:
        n_bytes = block.data.nbytes
        with self._changed:
            while self._waits and self._is_recording() and not self._has_room(n_bytes):
                self._changed.wait()
            if not self._is_recording() or not self._has_room(n_bytes):
                self._drop(block)
                return False
            lost, self._lost = _sum_losses(self._lost, block.lost_before), 0
            omitted, self._omitted = self._omitted + block.omitted_before, 0
            data = block.data.copy() if block.borrowed else block.data
            self._queue.append(replace(block, data=data, lost_before=lost, omitted_before=omitted, borrowed=False))
            self._queued_bytes += n_bytes
            self._changed.notify_all()
        return True

    def _note(self) -> None:
        if self._tally is not None:
            self._tally.note(Tally(self._given, self.samples_omitted))

    def _is_recording(self) -> bool:
        return self._thread is not None and self._error is None and not self._ending

    def _has_room(self, n_bytes: int) -> bool:
        return not self._queue or self._queued_bytes + n_bytes <= self._queue_bytes

    def _drop(self, block: Block) -> None:
        self._dropped += block.n_samples
        self._lost = _sum_losses(self._lost, block.lost_before, block.n_samples)
        self._omitted += block.omitted_before

    def _write(self, writer: TraceFiles) -> None:
        if not self._waits:
            come_first()
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
            self._dropped = self._given - self._written - self.samples_omitted
            self._changed.notify_all()


def _sum_losses(*losses: int) -> int:
    return UNKNOWN_LOSS if UNKNOWN_LOSS in losses else sum(losses)
