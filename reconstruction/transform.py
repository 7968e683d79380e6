"""From events to images: one protocol, one transform per kind of instrument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from acquisition.event import Event
from acquisition.instrument import Instrument
from reconstruction.images import CellImages, ImageUnit, Pixels
from reconstruction.settings import ImageSettings


class Transform(Protocol):
    """Turns events into images; pure, so that any event can be made again at any time."""

    @property
    def parameters(self) -> str:
        """Short reversible identifier of the transform and its settings, part of the pipeline id."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the images that this instrument gives, the flat ones first."""

    @property
    def flat_channels(self) -> tuple[str, ...]:
        """Those that are 2D."""

    @property
    def live_channels(self) -> tuple[str, ...]:
        """Those that are cheap enough to make of every event, the one that objects are found in first."""

    @property
    def units(self) -> Mapping[str, ImageUnit]:
        """What the images of each channel are measured in."""

    def warm(self) -> None:
        """Compile every kernel, so that the first cell is as fast as the last."""

    def images(
        self,
        events: Sequence[Event],
        channels: Sequence[str] | None = None,
        cells_first: bool = False,
        pixels: Pixels = Pixels.FLOAT32,
    ) -> CellImages:
        """Make the images of these channels (None: the live ones), quality and features of every event.

        With `cells_first`, the events that are cells come first, each kind in its order, so that their images are one
        piece of memory; the volumes of the others stay 0, as nobody answers on them.

        Raises
        ------
        ReconstructionError
            If a channel is asked for that this instrument does not have.
        """


def transform_for(instrument: Instrument, settings: ImageSettings | None = None) -> Transform:
    """Return the transform for this instrument, with the default settings unless others are given."""
    # Imported here: each module needs this one's protocol, and only one of them is wanted.
    from reconstruction.light_sheet.transform import LightSheetTransform
    from reconstruction.time_stretch.transform import TimeStretchTransform

    kinds: dict[str, type[LightSheetTransform] | type[TimeStretchTransform]] = {
        "light_sheet": LightSheetTransform,
        "time_stretch": TimeStretchTransform,
    }
    return kinds[instrument.kind](instrument, settings or ImageSettings())
