"""OME-TIFF: flat images as one stack of cells, volumes as another, with their sizes in micrometres."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from acquisition.errors import ConfigError
from reconstruction.transform import transform_for
from service.export.about import about
from service.export.exporter import Exporter, Option, Progress
from service.export.pictures import Image, chosen_channels, images_of
from service.export.selection import Selection

_LARGEST_TIFF = (1 << 32) - (1 << 26)
"""Beyond it offsets need 64 bits; some room is left for what describes the pages."""


class OmeTiffExporter(Exporter):
    """One OME image of the flat channels and one of the volumes; cells follow each other along T."""

    suffix = ".ome.tiff"
    media_type = "image/tiff"
    unit = "cells"
    options = frozenset({Option.CHANNEL, Option.RESTORE})

    def check(self, wanted: Selection) -> None:
        """Check that the run has these images as well, and that the library is there."""
        super().check(wanted)
        chosen_channels(wanted)
        _tifffile()

    def write(self, wanted: Selection, path: Path, progress: Progress) -> None:
        """Write one stack after the other, cell by cell; volumes are made again from the raw windows."""
        names, ids, size = chosen_channels(wanted), list(wanted.ids()), wanted.run.instrument.grid.size_px
        wanted.count()
        flat_names = transform_for(wanted.run.instrument).flat_channels
        flat = tuple(name for name in names if name in flat_names)
        volumes = tuple(name for name in names if name not in flat_names)
        stacks = {"cells": (flat, (size, size)), "volumes of cells": (volumes, (size, size, size))}
        bytes_in_all = sum(4 * len(ids) * len(names) * int(np.prod(shape)) for names, shape in stacks.values())
        steps = _Steps(progress, len(ids) * sum(bool(names) for names, _ in stacks.values()))
        with _tifffile().TiffWriter(path, ome=True, bigtiff=bytes_in_all > _LARGEST_TIFF) as writer:
            for title, (channels, shape) in stacks.items():
                if channels:
                    writer.write(
                        _planes(wanted, ids, channels, steps),
                        shape=(len(ids), len(channels), *shape),
                        dtype=np.float32,
                        photometric="minisblack",
                        metadata=_metadata(wanted, ids, title, channels, axes="TCYX" if len(shape) == 2 else "TCZYX"),
                    )


class _Steps:
    """Counts cells over both stacks."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total

    def step(self) -> None:
        self._done += 1
        self._progress(self._done, self._total)


def _planes(wanted: Selection, ids: Sequence[int], channels: tuple[str, ...], steps: _Steps) -> Iterator[Image]:
    for event_id in ids:
        for image in images_of(wanted, event_id, channels).values():
            # A flat image is one plane, a volume as many as it has slices.
            yield from image.reshape(-1, *image.shape[-2:])
        steps.step()


def _metadata(
    wanted: Selection, ids: Sequence[int], title: str, channels: tuple[str, ...], axes: str
) -> dict[str, Any]:
    run = wanted.run
    units = transform_for(run.instrument).units
    size = {f"PhysicalSize{axis}": run.instrument.grid.pixel_um for axis in axes if axis in "XYZ"}
    said = {key: text for key, text in about(wanted).items() if text}
    return {
        "axes": axes,
        "Name": f"{run.origin.value} {title} of {run.id}",
        "Description": f"One cell a T; {', '.join(f'{name} in {units[name].name}' for name in channels)}; "
        f"restored: {wanted.pictures.restoration}.",
        "Channel": {"Name": list(channels)},
        **size,
        **{f"{key}Unit": "µm" for key in size},
        "MapAnnotation": {"Namespace": "lightline", **said, "event_id by T": json.dumps(list(ids))},
    }


def _tifffile() -> ModuleType:
    try:
        import tifffile
    except ImportError:
        sentence = "OME-TIFF needs the package tifffile; install it with pip install 'lightline[export]'."
        raise ConfigError(sentence) from None
    return tifffile
