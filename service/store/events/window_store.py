"""The raw window of every event of a run, in HDF5: enough to make each event again, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.event import Background, ClockState, Event, EventFlag
from acquisition.instrument import Instrument
from service.store.events.event_file import EventFile
from service.store.events.hdf5 import Column, GrowingFile, reading_errors

FORMAT = "lightline-windows/2"
FILE_NAME = "windows-0000.h5"

EVENT = np.dtype(
    [
        ("event_id", "<u8"),
        ("epoch", "<i4"),
        ("trigger_tick", "<f8"),
        ("duration_ticks", "<f8"),
        ("window_tick", "<i8"),
        ("first_value", "<i8"),
        ("n_samples", "<i8"),
        ("period_ticks", "<f8"),
        ("origin_tick", "<f8"),
        ("locked", "u1"),
        ("background", "<i8"),
        ("strength", "<f8"),
        ("flags", "<u4"),
        ("bodies", "<u4"),
        ("first_neighbour", "<i8"),
        ("n_neighbours", "<u4"),
    ]
)
"""One row of `events`.

`first_value` is where the window begins in `samples`, `background` the row in `backgrounds`, and `first_neighbour` the
row of the first of the event's `n_neighbours` in `neighbours`.
"""
NEIGHBOUR = np.dtype([("centre_tick", "<f8"), ("duration_ticks", "<f8")])
"""One row of `neighbours`: another trigger whose signal falls inside the window."""
BACKGROUND = np.dtype([("first_value", "<i8"), ("n_channels", "<i4"), ("n_bins", "<i4"), ("n_cores", "<i4")])
"""One row of `backgrounds`; from `first_value` on, `background_values` holds levels, noise and core offsets."""
_BACKGROUNDS_REMEMBERED = 64
"""Equal backgrounds come close together, if at all."""


class WindowStore(EventFile):
    """Tables `events`, `neighbours`, `backgrounds`; flat `samples`, `background_values`; one writer, any readers."""

    file_name = FILE_NAME
    format = FORMAT

    def __init__(self, path: Path, instrument: Instrument) -> None:
        super().__init__(path, instrument)
        self._rows_of_backgrounds: dict[tuple[tuple[int, ...], bytes], int] = {}
        """By shape and values."""

    def prepare(self, dtype: npt.DTypeLike) -> None:
        """Make the file, for samples of this kind, so that the first event does not wait; raises `StorageError`."""
        with self._lock:
            if self._file is None:
                self._file = self._create(dtype)

    def append(self, events: Sequence[Event]) -> None:
        """Write the windows of events; the tables about them follow with the next `flush`, or when somebody looks.

        Raises
        ------
        StorageError
            If the disk does not take them.
        """
        if not events:
            return
        with self._lock:
            self.prepare(events[0].window.dtype)
            self._file.claim(sum(event.window.nbytes + event.background.level.nbytes for event in events))
            rows = np.array([_row(event) for event in events], dtype=EVENT)
            rows["background"] = self._background_rows([event.background for event in events])
            starts = self._file.rows("samples") + np.cumsum([0, *(event.window.size for event in events)])
            rows["first_value"] = starts[:-1]
            self._file.extend("samples", np.concatenate([event.window.ravel() for event in events]))
            known = self._file.rows("neighbours")
            rows["first_neighbour"] = known + np.cumsum([0, *(len(event.neighbours) for event in events)])[:-1]
            beside = [neighbour for event in events for neighbour in event.neighbours]
            self._file.extend_later("neighbours", np.array(beside, dtype=NEIGHBOUR))
            # The table last: a reader believes in no more windows than it has rows.
            self._file.extend_later("events", rows)
            self._index.add(rows["event_id"].copy())

    def read(self, event_id: int) -> Event | None:
        """Return the event as detection gave it; None if it is not stored."""
        found = self.read_all([event_id])
        return None if found is None else found[0]

    def read_all(self, event_ids: Sequence[int]) -> list[Event] | None:
        """Return events as detection gave them, in the order asked for; None if one of them is not stored.

        What lies together in the file is read at once: HDF5 takes several times as long for windows one by one.
        """
        with self._lock:
            self._look_for(event_ids)
            found = [self._index.find(event_id) for event_id in event_ids]
            rows = [row for row in found if row is not None]
            if self._file is None or len(rows) != len(event_ids):
                return None
            events: dict[int, Event] = {}
            with reading_errors(self._path):
                for first, stop in _together(sorted(set(rows))):
                    events.update(zip(range(first, stop), self._events(first, stop), strict=True))
            return [events[row] for row in rows]

    def places(self, fields: Sequence[str]) -> npt.NDArray[np.void]:
        """Return these fields of the table of events, see `EVENT`, in the order they were written."""
        with self._lock:
            self._catch_up()
            if self._file is None:
                return np.empty(0, EVENT)[list(fields)]
            return np.asarray(self._file["events"].fields(list(fields))[...])

    def _event_ids(self, file: Any, first_row: int) -> npt.NDArray[np.uint64]:
        return np.asarray(file["events"].fields("event_id")[first_row:])

    def _background_rows(self, backgrounds: Sequence[Background]) -> list[int]:
        """Return the row of each background; those that are new are written, all at once."""
        first, place = self._file.rows("backgrounds"), self._file.rows("background_values")
        found: list[int] = []
        entries: list[tuple[int, ...]] = []
        new: list[npt.NDArray[np.float32]] = []
        for background in backgrounds:
            parts = (background.level, background.noise, background.core_offsets)
            values = np.concatenate([part.ravel() for part in parts]).astype(np.float32, copy=False)
            shape = (*background.level.shape, background.core_offsets.shape[1])
            key = shape, values.tobytes()
            row = self._rows_of_backgrounds.get(key)
            if row is None:
                row = self._rows_of_backgrounds[key] = first + len(entries)
                entries.append((place, *shape))
                new.append(values)
                place += values.size
                if len(self._rows_of_backgrounds) > _BACKGROUNDS_REMEMBERED:
                    del self._rows_of_backgrounds[next(iter(self._rows_of_backgrounds))]
            found.append(row)
        if new:
            self._file.extend_later("background_values", np.concatenate(new))
            self._file.extend_later("backgrounds", np.array(entries, dtype=BACKGROUND))
        return found

    def _events(self, first_row: int, stop_row: int) -> list[Event]:
        """Return the events of consecutive rows."""
        channels = len(self._instrument.channels)
        table = self._file["events"][first_row:stop_row]
        ends = table["first_value"] + table["n_samples"] * channels
        begin = int(table["first_value"].min())
        samples = self._file["samples"][begin : int(ends.max())]
        known = table["first_neighbour"] + table["n_neighbours"]
        first_neighbour = int(table["first_neighbour"].min())
        neighbours = [
            (float(row["centre_tick"]), float(row["duration_ticks"]))
            for row in self._file["neighbours"][first_neighbour : int(known.max())]
        ]
        backgrounds = self._backgrounds(np.unique(table["background"]))
        events = []
        for row, end in zip(table, ends.tolist(), strict=True):
            beside = int(row["first_neighbour"]) - first_neighbour
            # A copy, so that an event which is kept does not keep the others' samples.
            window = samples[int(row["first_value"]) - begin : end - begin].copy()
            events.append(
                Event(
                    event_id=int(row["event_id"]),
                    epoch=int(row["epoch"]),
                    trigger_tick=float(row["trigger_tick"]),
                    duration_ticks=float(row["duration_ticks"]),
                    window_tick=int(row["window_tick"]),
                    window=window.reshape(-1, channels),
                    clock=ClockState(float(row["period_ticks"]), float(row["origin_tick"]), bool(row["locked"])),
                    background=backgrounds[int(row["background"])],
                    strength=float(row["strength"]),
                    flags=EventFlag(int(row["flags"])),
                    bodies=int(row["bodies"]),
                    neighbours=tuple(neighbours[beside : beside + int(row["n_neighbours"])]),
                )
            )
        return events

    def _backgrounds(self, rows: npt.NDArray[np.int64]) -> dict[int, Background]:
        """Return the backgrounds of these rows, ascending; all that lies between them is read at once."""
        first_row = int(rows[0])
        table = self._file["backgrounds"][first_row : int(rows[-1]) + 1][rows - first_row]
        lengths = table["n_channels"] * (table["n_bins"] + 1 + table["n_cores"])
        begin = int(table["first_value"].min())
        values = self._file["background_values"][begin : int((table["first_value"] + lengths).max())]
        found = {}
        for row, entry, length in zip(rows.tolist(), table, lengths.tolist(), strict=True):
            first, channels, bins = int(entry["first_value"]) - begin, int(entry["n_channels"]), int(entry["n_bins"])
            # A copy, as of the windows.
            own = values[first : first + length].copy()
            level, noise, offsets = np.split(own, [channels * bins, channels * (bins + 1)])
            found[row] = Background(level.reshape(channels, bins), noise, offsets.reshape(channels, -1))
        return found

    def _create(self, dtype: npt.DTypeLike) -> GrowingFile:
        attributes = {"format": FORMAT, "instrument": self._instrument.to_json()}
        columns = {
            "samples": Column(dtype, rows_per_chunk=1 << 17),
            "events": Column(EVENT, rows_per_chunk=256),
            "neighbours": Column(NEIGHBOUR, rows_per_chunk=256),
            "backgrounds": Column(BACKGROUND, rows_per_chunk=256),
            "background_values": Column(np.float32, rows_per_chunk=1 << 14),
        }
        return GrowingFile(self._path, attributes, columns)


def _row(event: Event) -> tuple[object, ...]:
    """Return the row of an event, but for what stands elsewhere in the file."""
    return (
        event.event_id,
        event.epoch,
        event.trigger_tick,
        event.duration_ticks,
        event.window_tick,
        0,
        event.window.shape[0],
        event.clock.period_ticks,
        event.clock.origin_tick,
        event.clock.locked,
        0,
        event.strength,
        int(event.flags),
        event.bodies,
        0,
        len(event.neighbours),
    )


def _together(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and the row after the last of every stretch of consecutive rows."""
    breaks = [0, *(k for k in range(1, len(rows)) if rows[k] != rows[k - 1] + 1), len(rows)]
    return [(rows[begin], rows[end - 1] + 1) for begin, end in pairwise(breaks)]
