"""The flat images of every event of a run, in HDF5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reconstruction.images import CellImages
from service.store.events.event_file import EventFile
from service.store.events.hdf5 import Column, GrowingFile, reading_errors

FORMAT = "lightline-images/1"
FILE_NAME = "images-0000.h5"
_IMAGES_PER_CHUNK = 4
_MOST_BESIDE = 4
_GROUP = "images/"


class ImageStore(EventFile):
    """`event_id` (n,) uint64 and `images/<channel>` (n, y, x) float32, appended by one thread, read by any."""

    file_name = FILE_NAME
    format = FORMAT
    _channels: tuple[str, ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels that are stored."""
        return self._channels

    def prepare(self, images: CellImages) -> None:
        """Make the file, for images such as these, so that the first event does not wait; raises `StorageError`."""
        flat = _flat(images)
        with self._lock:
            if self._file is None and flat:
                self._file = self._create(flat, images.pixel_um)
                self._channels = tuple(flat)

    def append(self, images: CellImages) -> None:
        """Write the flat images of a batch.

        Raises
        ------
        StorageError
            If the disk does not take them.
        """
        flat = _flat(images)
        if not len(images) or not flat:
            return
        with self._lock:
            self.prepare(images)
            self._file.claim(sum(stack.nbytes + images.event_id.nbytes for stack in flat.values()))
            for name in self._channels:
                self._file.extend(_GROUP + name, flat[name])
            # Ids last: a reader believes in no more images than there are ids.
            self._file.extend_later("event_id", images.event_id)
            self._index.add(images.event_id)

    def read(self, event_id: int, channel: str) -> npt.NDArray[np.float32] | None:
        """Return one image `(y, x)` float32; None if it is not stored, or was not made of this event.

        Raises
        ------
        RunFolderError
            If the file is damaged.
        """
        with self._lock:
            self._look_for([event_id])
            row = self._index.find(event_id)
            if row is None or self._file is None or channel not in self._channels:
                return None
            with reading_errors(self._path):
                image = np.asarray(self._file[_GROUP + channel][row], dtype=np.float32)
                return None if np.isnan(image[0, 0]) else image

    def read_all(self, event_ids: Sequence[int], channel: str) -> npt.NDArray[np.float32] | None:
        """Return the images of many events `(n, y, x)` float32, in their order; None if any is not stored or made.

        Raises
        ------
        RunFolderError
            If the file is damaged.
        """
        with self._lock:
            self._look_for(event_ids)
            rows = self._index.find_all(np.asarray(event_ids, np.uint64))
            if self._file is None or channel not in self._channels or not len(rows) or rows.min() < 0:
                return None
            first, end = int(rows.min()), int(rows.max()) + 1
            with reading_errors(self._path):
                dataset = self._file[_GROUP + channel]
                if end - first <= _MOST_BESIDE * len(rows):
                    # What follows each other in a run lies together in the file, with few others between.
                    images = np.asarray(dataset[first:end], dtype=np.float32)[rows - first]
                else:
                    images = np.stack([np.asarray(dataset[row], dtype=np.float32) for row in rows.tolist()])
            return None if np.isnan(images[:, 0, 0]).any() else images

    def _event_ids(self, file: Any, first_row: int) -> npt.NDArray[np.uint64]:
        self._channels = tuple(file[_GROUP])
        lengths = [len(file[_GROUP + name]) for name in self._channels]
        return np.asarray(file["event_id"][first_row : min(lengths)])

    def _create(self, flat: dict[str, Any], pixel_um: float) -> GrowingFile:
        attributes: dict[str, str | float] = {
            "format": FORMAT,
            "instrument": self._instrument.to_json(),
            "pixel_um": pixel_um,
        }
        columns = {"event_id": Column(np.uint64, rows_per_chunk=1024)}
        for name, stack in flat.items():
            columns[_GROUP + name] = Column(np.float32, _IMAGES_PER_CHUNK, stack.shape[1:])
        return GrowingFile(self._path, attributes, columns)


def _flat(images: CellImages) -> dict[str, Any]:
    return {name: stack for name, stack in images.images.items() if stack.ndim == 3}
