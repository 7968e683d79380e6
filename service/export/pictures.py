"""The images of cells as they are asked for: measured, restored, or cut out and resized."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from reconstruction.features.image import find_object
from reconstruction.images import RELATIVE
from reconstruction.preparation import prepare
from reconstruction.transform import transform_for
from service.export.selection import Selection

Image = npt.NDArray[np.float32]


def chosen_channels(wanted: Selection) -> tuple[str, ...]:
    """Return the channels whose images are wanted; of prepared cells, those relative to the empty beam alone.

    Raises
    ------
    ConfigError
        If the run has no images of a channel, or they cannot be prepared.
    QueryError
        If none of them can be restored as is asked.
    """
    instrument, asked = wanted.run.instrument, wanted.pictures
    transform = transform_for(instrument)
    flat_only = asked.prepared_px is not None
    unknown = [name for name in asked.channels if name not in transform.channels]
    if unknown:
        raise ConfigError(f"The run has no images of '{unknown[0]}'; use one of {', '.join(transform.channels)}.")
    relative = tuple(name for name in transform.channels if transform.units[name] is RELATIVE)
    refused = [name for name in asked.channels if flat_only and name not in relative]
    if refused:
        known = ", ".join(relative)
        raise ConfigError(f"Images of '{refused[0]}' cannot be prepared; use one of {known}, or leave --prepare out.")
    names = tuple(dict.fromkeys(asked.channels)) or (relative if flat_only else transform.channels)
    asked.restoration.check(instrument, names)
    return names


def images_of(wanted: Selection, event_id: int, names: tuple[str, ...]) -> dict[str, Image]:
    """Return the images of an event, `(y, x)` or `(z, y, x)`, restored where that is asked.

    Raises
    ------
    UnknownCell
        If the run has no such event.
    """
    return {name: wanted.pictures.restoration.image(wanted.results, event_id, name) for name in names}


def prepared(
    images: Mapping[str, Image], pixel_um: float, size: int
) -> tuple[dict[str, Image], dict[str, float], Image]:
    """Return flat images of an event cut out and resized, what each was divided by, and height and width of a pixel.

    The object is found in the first of them.
    """
    mask = find_object(next(iter(images.values())))
    ready = {name: prepare(image[np.newaxis], pixel_um, [mask], size) for name, image in images.items()}
    um_per_px = next(iter(ready.values())).um_per_px[0]
    return (
        {name: one.images[0] for name, one in ready.items()},
        {name: float(one.mean[0]) for name, one in ready.items()},
        um_per_px,
    )
