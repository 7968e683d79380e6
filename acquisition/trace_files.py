"""Write a recording as files of bounded size, with no sample missing where one ends and the next begins."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.block import Block
from acquisition.block_parts import part_of
from acquisition.errors import ConfigError
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.source import Truth
from acquisition.trace_layout import CHUNK_SAMPLES, GAP_DTYPE
from acquisition.trace_names import part_path
from acquisition.trace_writer import TraceWriter

FILE_BYTES = 4_000_000_000
"""So small that file systems without larger files, and people who copy them, can take it."""

LEAST_FILE_BYTES = 1 << 20
_LEAST_TABLES_BYTES = 128 << 10


class TraceFiles:
    """A recording being written to `path` and, as that is full, to the files that follow it; else as `TraceWriter`.

    Every file is a trace file of its own. The next one is there before the one before it is closed, so that whatever
    kills the process, no file is missing between two others.

    Parameters
    ----------
    path
        The first file; the others are named after it, see `part_path`.
    instrument, origin, description
        As in `TraceWriter`.
    file_bytes
        Most bytes of a file, the truth not counted.

    Raises
    ------
    ConfigError
        If the first file cannot be created.
    RecordingStopped
        If the disk is full already.
    """

    def __init__(
        self,
        path: str | Path,
        instrument: Instrument,
        *,
        origin: Origin,
        description: str = "",
        file_bytes: int = FILE_BYTES,
    ) -> None:
        if file_bytes < LEAST_FILE_BYTES:
            raise ConfigError(f"A file of a recording must be at least {LEAST_FILE_BYTES} bytes, got {file_bytes}.")
        self._first = Path(path)
        self._instrument = instrument
        self._origin = origin
        self._description = description
        tables = max(_LEAST_TABLES_BYTES, file_bytes // 64)
        rows = (file_bytes - tables) // (len(instrument.channels) * instrument.digitizer.dtype.itemsize)
        self._chunk_samples = min(CHUNK_SAMPLES, rows // 4)
        # Chunks are stored whole.
        self._most_rows = rows // self._chunk_samples * self._chunk_samples
        self._most_gaps = tables // 2 // GAP_DTYPE.itemsize
        self._recording = secrets.token_hex(8)
        self._part = 1
        self._written_before = 0
        self._writer = self._create(1)

    @property
    def paths(self) -> list[Path]:
        """The files, in order."""
        return [part_path(self._first, part) for part in range(1, self._part + 1)]

    @property
    def samples_written(self) -> int:
        """Samples per channel handed to the file system; what `append` took and is not in here yet waits in memory."""
        return self._written_before + self._writer.samples_written

    def append(self, block: Block) -> None:
        """Add a block; its data may be used again as soon as this returns.

        Raises
        ------
        ConfigError
            If the block does not fit the instrument, or the next file cannot be created.
        RecordingStopped
            If the disk took no more; `samples_written` says how much it has.
        """
        taken = 0
        while True:
            if self._is_full():
                self._begin_next()
            room = self._most_rows - self._writer.samples_taken
            self._writer.append(part_of(block, taken, taken + room))
            taken += room
            if taken >= block.n_samples:
                return

    def flush_if_due(self) -> None:
        """Flush if it is time; whoever waits for samples calls this meanwhile."""
        self._writer.flush_if_due()

    def set_truth(self, truth: Truth) -> None:
        """Keep what is known of the cells of the whole recording, to be written to the last file."""
        self._writer.set_truth(truth)

    def set_judged(self, judged: npt.NDArray[np.void]) -> None:
        """Keep what was decided of the events of the whole recording, to be written to the last file."""
        self._writer.set_judged(judged)

    def close(self) -> None:
        """Finish the last file; may be called twice.

        Raises
        ------
        RecordingStopped
            If the last samples, or the truth, could not be written.
        """
        self._writer.close()

    def _is_full(self) -> bool:
        return self._writer.samples_taken >= self._most_rows or self._writer.gaps_noted >= self._most_gaps

    def _begin_next(self) -> None:
        full, following = self._writer, self._create(self._part + 1)
        self._part += 1
        self._writer = following
        try:
            full.set_continued()
            full.close()
        finally:
            self._written_before += full.samples_written

    def _create(self, part: int) -> TraceWriter:
        return TraceWriter(
            part_path(self._first, part),
            self._instrument,
            origin=self._origin,
            description=self._description,
            chunk_samples=self._chunk_samples,
            recording=self._recording,
            part=part,
        )
