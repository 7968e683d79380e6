"""The windows and the images of a run's events, as one: what is not stored is made again of the window."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from reconstruction.errors import ReconstructionError
from reconstruction.images import CellImages
from reconstruction.transform import Transform, transform_for
from service.errors import UnknownCell
from service.run import Run
from service.store.events.image_store import ImageStore
from service.store.events.window_store import WindowStore
from service.store.steps import Rest, no_rest


class EventStores:
    """Both files of one run. One thread appends images, another may append windows; any number of threads read."""

    def __init__(self, run: Run, windows: WindowStore, images: ImageStore) -> None:
        self._run = run
        self._windows = windows
        self._images = images
        self._transform: Transform | None = None
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path, run: Run) -> Self:
        """Prepare new ones; their files appear with `prepare`, or with the first event."""
        return cls(run, WindowStore.create(path, run.instrument), ImageStore.create(path, run.instrument))

    @classmethod
    def open(cls, path: Path, run: Run) -> Self:
        """Open those of a run folder, to read them; raises `RunFolderError` if one is damaged."""
        return cls(run, WindowStore.open(path, run.instrument), ImageStore.open(path, run.instrument))

    @classmethod
    def follow(cls, path: Path, run: Run) -> Self:
        """Open those of a run that another process writes; raises `RunFolderError` if one is damaged."""
        return cls(run, WindowStore.follow(path, run.instrument), ImageStore.follow(path, run.instrument))

    def prepare(self, images: CellImages, dtype: npt.DTypeLike) -> None:
        """Make both files, so that the first event is stored as quickly as the last.

        Parameters
        ----------
        images
            Such as those that will come; they are not stored.
        dtype
            Of the samples.

        Raises
        ------
        StorageError
            If the disk does not take them.
        """
        self._windows.prepare(dtype)
        self._images.prepare(images)

    def append(self, images: CellImages) -> None:
        """Take the flat images of a batch; raises `StorageError`."""
        self._images.append(images)

    def append_windows(self, events: Sequence[Event]) -> None:
        """Take the raw windows of events; raises `StorageError`."""
        self._windows.append(events)

    def flush(self, rest: Rest = no_rest) -> None:
        """Make everything appended so far safe against a crash of this process; raises `StorageError`.

        `rest` is called between the files.
        """
        self._windows.flush()
        rest()
        self._images.flush()

    def finish(self) -> None:
        """Close both to writing and open them to reading; raises `StorageError`."""
        try:
            self._windows.finish()
        finally:
            self._images.finish()

    def close(self) -> None:
        """Close both; raises `StorageError` if the disk does not take the last of them."""
        try:
            self._windows.close()
        finally:
            self._images.close()

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels whose images are stored."""
        return self._images.channels

    def image(self, event_id: int, channel: str, *, made_anew: bool = False) -> npt.NDArray[np.float32]:
        """Return the stored image `(y, x)`, or one made again from the raw window, `(y, x)` or `(z, y, x)`.

        Parameters
        ----------
        made_anew
            Do not look for a stored one.

        Raises
        ------
        UnknownCell
            If the run has no such event or channel.
        """
        stored = None if made_anew else self._images.read(event_id, channel)
        if stored is not None:
            return stored
        event = self.event(event_id)
        try:
            return np.asarray(self._transform_of_run().images([event], [channel]).images[channel][0])
        except ReconstructionError as error:
            raise UnknownCell(str(error)) from None

    def stored_images(self, event_ids: Sequence[int], channel: str) -> npt.NDArray[np.float32]:
        """Return the stored images of many events `(n, y, x)`, in their order.

        Raises
        ------
        UnknownCell
            If one of them is not stored.
        """
        found = self._images.read_all(event_ids, channel)
        if found is None:
            raise UnknownCell(f"The run {self._run.id} has not stored '{channel}' of all of these events.")
        return found

    def event(self, event_id: int) -> Event:
        """Return the event as detection gave it, with its raw window; raises `UnknownCell` if that is not stored."""
        event = self._windows.read(event_id)
        if event is None:
            raise UnknownCell(f"The run {self._run.id} has no window of event {event_id}.")
        return event

    def events(self, event_ids: Sequence[int]) -> list[Event]:
        """Return many events in the order asked for; raises `UnknownCell` if the window of one is not stored."""
        events = self._windows.read_all(event_ids)
        if events is None:
            raise UnknownCell(f"The run {self._run.id} has not stored the windows of all of these events.")
        return events

    def places(self, fields: Sequence[str]) -> npt.NDArray[np.void]:
        """Return these fields of every event whose window is stored, see `window_store.EVENT`."""
        return self._windows.places(fields)

    def _transform_of_run(self) -> Transform:
        with self._lock:
            if self._transform is None:
                self._transform = transform_for(self._run.instrument, self._run.request.images)
            return self._transform
