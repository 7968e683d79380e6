"""Read the files of one recording as one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self, cast

import numpy as np
import numpy.typing as npt

from acquisition.block import UNKNOWN_LOSS, Samples
from acquisition.errors import TraceError
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.source import Truth
from acquisition.trace_layout import Segment
from acquisition.trace_names import later_parts, part_path
from acquisition.trace_reader import TraceReader
from acquisition.trace_summary import TraceSummary, summary_of


class TraceSequence:
    """The files of one recording, open for reading as if they were one; a `Recording`.

    Named by its first file or by the folder that it stands in. A later file is opened alone, and so is the first with
    `alone`. Where a file between two others is missing, its samples are lost, and `missing_files` names it.

    Parameters
    ----------
    path
        The file or folder.
    alone
        Open only the file that is named.

    Raises
    ------
    TraceError
        If a file is missing, damaged, or not of the documented format; the sentence says which.
    """

    def __init__(self, path: str | Path, *, alone: bool = False) -> None:
        named = first_file(path)
        with ExitStack() as opened:
            first = opened.enter_context(TraceReader(named))
            self._readers = [first]
            self._missing: tuple[str, ...] = ()
            if first.place[0] and first.place[1] == 1 and not alone:
                self._add_later(first, opened)
            self._segments = tuple(_joined(self._readers))
            self._starts = np.cumsum([0, *(reader.n_samples for reader in self._readers)])
            self._opened = opened.pop_all()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, in order."""
        return tuple(reader.path for reader in self._readers)

    @property
    def missing_files(self) -> tuple[str, ...]:
        """Names of the files that should stand beside these and do not."""
        return self._missing

    @property
    def instrument(self) -> Instrument:
        """The instrument that the samples come from."""
        return self._readers[0].instrument

    @property
    def origin(self) -> Origin:
        """Whether the samples were measured, made from real images, or simulated throughout."""
        return self._readers[0].origin

    @property
    def description(self) -> str:
        """One line for people; it also says which files are missing."""
        text = self._readers[0].description
        if not self._missing:
            return text
        return f"{text} (missing: {', '.join(self._missing)})".strip()

    @property
    def complete(self) -> bool:
        """False if the last file is still being written, or its writer was killed."""
        return all(reader.complete for reader in self._readers)

    @property
    def n_samples(self) -> int:
        """Stored samples per channel, when the files were opened."""
        return int(self._starts[-1])

    @property
    def truth(self) -> Truth | None:
        """What is known of the cells; None if no file says."""
        known = (reader.truth for reader in reversed(self._readers))
        return next((truth for truth in known if truth is not None), None)

    @property
    def judged(self) -> npt.NDArray[np.void] | None:
        """What was decided of the events when this was recorded; None if no file says."""
        known = (reader.judged for reader in reversed(self._readers))
        return next((judged for judged in known if judged is not None), None)

    def segments(self) -> tuple[Segment, ...]:
        """Return the stored samples between gaps, in order; where one file goes on from another there is none."""
        return self._segments

    def read(self, start_row: int, n_samples: int) -> Samples:
        """Return `(n, n_channels)` samples from a row on, fewer at the end of the recording.

        Raises
        ------
        TraceError
            If a file is damaged there.
        """
        end = min(start_row + n_samples, self.n_samples)
        index = max(0, int(np.searchsorted(self._starts, start_row, side="right")) - 1)
        index = min(index, len(self._readers) - 1)
        parts = [self._readers[index].read(start_row - int(self._starts[index]), end - start_row)]
        while self._starts[index + 1] < end:
            index += 1
            parts.append(self._readers[index].read(0, end - int(self._starts[index])))
        return parts[0] if len(parts) == 1 else cast("Samples", np.concatenate(parts))

    def summary(self) -> TraceSummary:
        """Return what the files say about themselves, without looking at their samples."""
        true_cells = next((n for r in reversed(self._readers) if (n := r.summary().true_cells) is not None), None)
        names = tuple(path.name for path in self.paths)
        return summary_of(self, self.complete, true_cells, names, self._missing)

    def close(self) -> None:
        """Close the files; may be called twice."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _add_later(self, first: TraceReader, opened: ExitStack) -> None:
        """Open the files that go on from the first; those of other recordings with such a name are not of them."""
        recording = first.place[0]
        for path in later_parts(first.path).values():
            reader = opened.enter_context(TraceReader(path))
            if reader.place[0] == recording:
                self._readers.append(reader)
            else:
                reader.close()
        parts = {reader.place[1] for reader in self._readers}
        last = self._readers[-1].place
        expected = range(1, last[1] + (2 if last[2] else 1))
        self._missing = tuple(part_path(first.path, part).name for part in expected if part not in parts)


def first_file(path: str | Path) -> Path:
    """Return the file itself, or the first file of the recording in a folder.

    Raises
    ------
    TraceError
        If the folder holds no recording.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        return folder
    found = sorted(folder.glob("trace*.h5"))
    if not found:
        raise TraceError(f"The folder '{path}' holds no recording (trace*.h5); name the file.")
    return found[0]


def _joined(readers: Sequence[TraceReader]) -> list[Segment]:
    """Place the segments of all files after each other; one that goes on across files is one."""
    joined: list[Segment] = []
    row, part = 0, 0
    for reader in readers:
        segments = [replace(segment, row=row + segment.row) for segment in reader.segments()]
        if segments and joined:
            if reader.place[1] != part + 1:
                segments[0] = replace(segments[0], lost_before=_lost_between(joined[-1], segments[0]))
            if _goes_on(joined[-1], segments[0]):
                last = joined.pop()
                segments[0] = replace(last, n_samples=last.n_samples + segments[0].n_samples)
        joined += segments
        row, part = row + reader.n_samples, reader.place[1]
    return joined


def _goes_on(last: Segment, following: Segment) -> bool:
    return (last.epoch, last.end_sample, 0, 0) == (
        following.epoch,
        following.first_sample,
        following.lost_before,
        following.omitted_before,
    )


def _lost_between(last: Segment, following: Segment) -> int:
    """Return how many samples went with the file between two segments."""
    missing = following.first_sample - last.end_sample - following.omitted_before
    return missing if last.epoch == following.epoch and missing > 0 else UNKNOWN_LOSS
