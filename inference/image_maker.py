"""Images that a worker makes itself, of windows that came over the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy.typing as npt

from acquisition.event import Event
from acquisition.instrument import Instrument
from inference.bundle import Bundle
from inference.errors import TransportError
from inference.messages import Start
from reconstruction.settings import ImageSettings
from reconstruction.transform import transform_for

ImageMaker = Callable[[Sequence[Event], Sequence[str]], Mapping[str, npt.ArrayLike]]
"""Gives the images of some cells by channel, in the order of the events; raises `TransportError`."""


def image_maker(start: Start) -> ImageMaker | None:
    """Return what makes a run's images of windows; None where its model looks at flat images only, which are less."""
    inputs = Bundle.from_bytes(start.bundle).contract.inputs
    return making(start) if any(len(spec.shape) == 3 for spec in inputs) else None


def making(start: Start) -> ImageMaker:
    """Return what makes the images that the service itself would make, with its kernels compiled."""
    settings = ImageSettings.model_validate_json(start.images)
    transform = transform_for(Instrument.from_json(start.instrument), settings)
    transform.warm()

    def make(events: Sequence[Event], channels: Sequence[str]) -> Mapping[str, npt.ArrayLike]:
        judged = tuple(dict.fromkeys([transform.live_channels[0], *channels]))
        made = transform.images(events, judged, cells_first=True)
        if made.event_id.tolist() != [event.event_id for event in events] or not made.is_cell.all():
            raise TransportError("The worker does not take the same events for cells; install the service's version.")
        return made.images

    return make
