"""Write a recording so that whatever happens, what was written can be read."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import numpy as np
import numpy.typing as npt

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.disk import explain, reserve
from acquisition.errors import ConfigError, RecordingStopped
from acquisition.instrument import Instrument
from acquisition.judgement import JUDGED_DTYPE
from acquisition.origin import Origin
from acquisition.source import Truth
from acquisition.trace_create import create_trace_file
from acquisition.trace_extras import METADATA_BYTES, give_back, write_extras
from acquisition.trace_layout import (
    CHANNEL_GROUP,
    CHUNK_SAMPLES,
    CLOCK_MARK_DTYPE,
    CLOCK_MARKS,
    CONTINUED,
    GAP_DTYPE,
    GAP_TABLE,
    JUDGED,
)
from acquisition.truth_table import checked_truth

FLUSH_INTERVAL_S = 0.4
_STAGE_BYTES = 16 << 20


class TraceWriter:
    """A trace file being written; like `open`, it creates the file at once and never replaces one.

    States: open -> `close`, or open -> stopped by a `RecordingStopped`, after which only `close` does anything.
    Not to be used by two threads at a time; other processes may read the file meanwhile.

    The file is written in HDF5's single-writer mode, whose order of writes keeps it readable at every moment, and disk
    space is claimed before it is needed, so that HDF5 never meets a full disk half-way through a write.

    Parameters
    ----------
    path
        A file that does not exist yet, in a folder that does.
    instrument
        What the samples come from; its channels are the columns of every block.
    origin
        Whether the samples are measured, made from real images, or simulated.
    description
        One line for people.
    chunk_samples
        Samples of a channel stored together; 1 to 4 million suit disks.
    recording, part
        Identity of a recording that is cut into files, and the number of this one from 1 on; "" for a single file.

    Raises
    ------
    ConfigError
        If the file cannot be created.
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
        chunk_samples: int = CHUNK_SAMPLES,
        recording: str = "",
        part: int = 1,
    ) -> None:
        self._path = Path(path)
        self._instrument = instrument
        self._dtype = instrument.digitizer.dtype
        columns = len(instrument.channels)
        row_bytes = columns * self._dtype.itemsize
        self._stage = np.empty((columns, max(1, min(chunk_samples, _STAGE_BYTES // row_bytes))), self._dtype)
        self._staged = 0
        self._ahead_bytes = 2 * chunk_samples * row_bytes + METADATA_BYTES
        self._gap_rows: list[tuple[int, int, int, int, int]] = []
        self._lost = 0
        self._omitted = 0
        self._next: tuple[int, int] | None = None
        self._rows = 0
        self._truth: Truth | None = None
        self._tables: dict[str, npt.NDArray[np.void]] = {}
        self._closed = False
        self._file = create_trace_file(self._path, instrument, origin, description, chunk_samples, recording, part)
        self._channels = [self._file[f"{CHANNEL_GROUP}/{channel.name}"] for channel in instrument.channels]
        self._gaps = self._file[GAP_TABLE]
        self._flushed_at = time.monotonic()
        try:
            self._claim_disk()
        except RecordingStopped:
            self._path.unlink(missing_ok=True)
            raise

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def instrument(self) -> Instrument:
        """The instrument that the file describes."""
        return self._instrument

    @property
    def samples_written(self) -> int:
        """Samples per channel handed to the file system; what `append` took and is not in here yet waits in memory."""
        return self._rows

    @property
    def samples_taken(self) -> int:
        """Samples per channel that `append` took, written or not."""
        return self._rows + self._staged

    @property
    def gaps_noted(self) -> int:
        """Rows of the gap table, written or not."""
        return int(self._gaps.shape[0]) + len(self._gap_rows)

    def append(self, block: Block) -> None:
        """Add a block; its data may be used again as soon as this returns.

        Raises
        ------
        ConfigError
            If the block does not fit the instrument.
        RecordingStopped
            If the disk took no more; `samples_written` says how much it has.
        """
        self._require_open()
        self._require_fitting(block)
        unknown = UNKNOWN_LOSS in (self._lost, block.lost_before)
        self._lost = UNKNOWN_LOSS if unknown else self._lost + block.lost_before
        self._omitted += block.omitted_before
        if block.n_samples == 0:
            return
        self._note_gap(block)
        taken = 0
        while taken < block.n_samples:
            count = min(block.n_samples - taken, self._stage.shape[1] - self._staged)
            self._stage[:, self._staged : self._staged + count] = block.data[taken : taken + count].T
            self._staged += count
            taken += count
            if self._staged == self._stage.shape[1]:
                self._write_stage()
                self._claim_disk()
        self.flush_if_due()

    def flush_if_due(self) -> None:
        """Flush if the last flush is `FLUSH_INTERVAL_S` ago; whoever waits for samples calls this meanwhile."""
        if time.monotonic() - self._flushed_at >= FLUSH_INTERVAL_S:
            self.flush()

    def flush(self) -> None:
        """Make all that was appended readable for other processes, also if this one is killed.

        Raises
        ------
        RecordingStopped
            If the disk took no more.
        """
        self._require_open()
        if self._staged:
            self._write_stage()
            self._claim_disk()
        self._flush_file()

    def set_truth(self, truth: Truth) -> None:
        """Keep what is known of the cells, to be written by `close`.

        Raises
        ------
        ConfigError
            If the columns are not a table of numbers, flags and short strings.
        """
        self._require_open()
        self._truth = checked_truth(truth)

    def set_clock_marks(self, marks: npt.NDArray[np.void]) -> None:
        """Keep the device's own marks of scans or lines (`CLOCK_MARK_DTYPE`), to be written by `close`."""
        self._require_open()
        self._tables[CLOCK_MARKS] = np.asarray(marks, dtype=CLOCK_MARK_DTYPE)

    def set_judged(self, judged: npt.NDArray[np.void]) -> None:
        """Keep what was decided of the events (`acquisition.judgement`), to be written by `close`."""
        self._require_open()
        self._tables[JUDGED] = np.asarray(judged, dtype=JUDGED_DTYPE)

    def set_continued(self) -> None:
        """Say in the file that the recording goes on in the next one.

        Raises
        ------
        RecordingStopped
            If the disk took no more.
        """
        self._require_open()
        try:
            self._file.attrs.modify(CONTINUED, 1)
        except (OSError, RuntimeError) as error:
            self._stop(error)

    def close(self) -> None:
        """Finish the file; may be called twice.

        Raises
        ------
        RecordingStopped
            If the last samples, or the truth, could not be written.
        """
        if self._closed:
            return
        if self._staged:
            self._write_stage()
        self._flush_file()
        self._closed = True
        try:
            give_back(self._file)
            self._file.close()
            write_extras(self._path, self._truth, self._tables)
        except (OSError, RuntimeError) as error:
            self._stop(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _require_open(self) -> None:
        if self._closed:
            raise RecordingStopped(f"The recording '{self._path}' is closed; start a new one.")

    def _require_fitting(self, block: Block) -> None:
        if block.data.dtype != self._dtype or block.data.ndim != 2 or block.data.shape[1] != len(self._channels):
            raise ConfigError(
                f"A block of shape {block.data.shape} and type {block.data.dtype} does not fit the instrument "
                f"'{self._instrument.name}', which has {len(self._channels)} channels of type {self._dtype}."
            )

    def _note_gap(self, block: Block) -> None:
        if self._next != (block.epoch, block.first_sample) or self._lost:
            self._gap_rows.append((self.samples_taken, block.first_sample, self._lost, block.epoch, self._omitted))
        self._lost = self._omitted = 0
        self._next = (block.epoch, block.end_sample)

    def _write_stage(self) -> None:
        try:
            # Gaps go first: samples whose gap is not known yet would look as if nothing were missing.
            if self._gap_rows:
                known = self._gaps.shape[0]
                self._gaps.resize((known + len(self._gap_rows),))
                self._gaps[known:] = np.array(self._gap_rows, dtype=GAP_DTYPE)
                self._gaps.flush()
                self._gap_rows.clear()
            end = self._rows + self._staged
            for column, dataset in zip(self._stage, self._channels, strict=True):
                dataset.resize((end,))
                dataset[self._rows : end] = column[: self._staged]
        except (OSError, RuntimeError) as error:
            self._stop(error)
        self._rows, self._staged = end, 0

    def _flush_file(self) -> None:
        try:
            for dataset in (*self._channels, self._gaps):
                dataset.flush()
        except (OSError, RuntimeError) as error:
            self._stop(error)
        self._flushed_at = time.monotonic()

    def _claim_disk(self) -> None:
        try:
            reserve(self._path, self._file.id.get_vfd_handle(), self._file.id.get_filesize() + self._ahead_bytes)
        except OSError as error:
            # All that was taken so far is written, so there is nothing to lose in closing.
            with suppress(OSError, RuntimeError):
                self._flush_file()
            self._stop(error)

    def _stop(self, error: Exception) -> NoReturn:
        self._closed = True
        with suppress(OSError, RuntimeError):
            if self._file:
                give_back(self._file)
                self._file.close()
        raise RecordingStopped(
            f"The recording '{self._path}' stopped: {explain(error)}; the {self._rows} samples stored until then "
            "stay readable."
        ) from error
