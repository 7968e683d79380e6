"""Images and volumes of cells in one HDF5 file, laid out as the run folder's own."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from service.export.exporter import Exporter, Option, Progress
from service.export.growing_h5 import extend
from service.export.pictures import chosen_channels, images_of, prepared
from service.export.selection import Selection
from service.store.events.image_store import FORMAT


class ImageFileExporter(Exporter):
    """`event_id` and `images/CHANNEL`; prepared cells have `um_per_px` and `mean/CHANNEL` beside them."""

    suffix = ".h5"
    media_type = "application/x-hdf5"
    unit = "cells"
    options = frozenset({Option.CHANNEL, Option.RESTORE, Option.PREPARE})

    def check(self, wanted: Selection) -> None:
        """Check that the run has these images as well."""
        super().check(wanted)
        chosen_channels(wanted)

    def write(self, wanted: Selection, path: Path, progress: Progress) -> None:
        """Write the images cell by cell; volumes are made again from the raw windows."""
        names, count = chosen_channels(wanted), wanted.count()
        run, size = wanted.run, wanted.pictures.prepared_px
        with h5py.File(path, "x") as file:
            file.attrs["format"] = FORMAT
            file.attrs["instrument"] = run.instrument.to_json()
            file.attrs["pixel_um"] = run.instrument.grid.pixel_um
            file.attrs["run"] = run.id
            file.attrs["origin"] = run.origin.value
            file.attrs["restored"] = str(wanted.pictures.restoration)
            for done, event_id in enumerate(wanted.ids(), start=1):
                images = images_of(wanted, event_id, names)
                if size is not None:
                    images, means, um_per_px = prepared(images, run.instrument.grid.pixel_um, size)
                    extend(file, "um_per_px", um_per_px[np.newaxis], compressed=False)
                    for name, mean in means.items():
                        extend(file.require_group("mean"), name, np.array([mean], np.float32), compressed=False)
                for name, image in images.items():
                    extend(file.require_group("images"), name, image[np.newaxis], compressed=False)
                extend(file, "event_id", np.array([event_id], np.uint64), compressed=False)
                progress(done, count)
