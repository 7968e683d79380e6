"""A batch of events as images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from reconstruction.speed import SpeedSource

FloatImages = npt.NDArray[np.float32]
Images = FloatImages | npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class ImageUnit:
    """What the pixels of an image are measured in, and what they become where images are whole counts."""

    name: str
    per_count: float
    """What one count stands for."""
    zero: int = 0
    """Count that stands for 0."""
    least_shown: float = 0.0
    """What pictures show to either side of 0 at least, so that noise looks no stronger than it is."""

    @property
    def signed(self) -> bool:
        """Whether values below 0 mean something, and are not noise alone."""
        return self.zero > 0


RELATIVE = ImageUnit("empty beam", 2.0**-14)
"""Light relative to the empty background; as counts, four times the background fits."""
COUNTS = ImageUnit("counts", 1.0)
"""Of side light above background."""
ROOTS = ImageUnit("1 + root of counts", 2.0**-7)
"""Of side light that was summed over depth: 1 where nothing glows, and the same noise everywhere."""
RADIANS = ImageUnit("rad", 2.0**-9, 2**15, least_shown=0.25)
"""Phase; as counts, 64 rad fit to either side."""
SLOPE = ImageUnit("rad/µm", 2.0**-12, 2**15, least_shown=0.25)
"""Slope of the phase; as counts, 8 rad/um fit to either side."""


class Pixels(StrEnum):
    """What the pixels of images are."""

    FLOAT32 = "float32"
    UINT16 = "uint16"
    """Whole counts of the image's `ImageUnit`. Half the memory; what lies below the range, as noise about 0 does where
    the unit has no sign, becomes its beginning, and what lies above it its end."""


class Rejection(StrEnum):
    """Why an event is not a cell that can be judged; the empty string means it is one."""

    NONE = ""
    OVERLAP = "overlap"
    GAP = "gap"
    CLIPPED = "clipped"
    TRUNCATED = "truncated"
    UNLOCKED = "unlocked"
    LONG = "long"
    SPEED = "speed"
    """The flow speed could not be measured well enough to make an image."""
    EMPTY = "empty"
    """Nothing of a cell's size in the image."""
    OFF_FIELD = "off_field"
    """The object is cut by the edge of the field."""
    INCOMPLETE = "incomplete"
    """Too much of the image was met by no sample."""
    OFF_CENTRE = "off_centre"
    """Too far from the axis of the flow, if the gate asks for it."""
    BLURRED = "blurred"
    """Not sharp enough, if the gate asks for it."""
    GHOST = "ghost"
    """A reflection shows the cell a second time, if the gate asks for it."""


@dataclass(frozen=True)
class CellImages:
    """A batch of `n` events as images, with what was measured on the way.

    Attributes
    ----------
    event_id
        `(n,)` uint64.
    epoch, trigger_tick
        `(n,)` int32 and float64: place on the sample clock.
    images
        By channel name, `(n, y, x)` or `(n, z, y, x)` float32 (light-sheet transmission is `(n, z, y)`), or uint16
        where that was asked for (`Pixels.UINT16`).
        Transmission and line images are relative to the empty background (1 = empty); side scatter and
        fluorescence are counts above background, and 1 plus the signed root of their sum in flat images; phase is in
        radians, and its slopes in radians per um (0 = empty).
    pixel_um
        Edge of a pixel or voxel.
    speed_m_s, speed_error_m_s
        `(n,)` float32, flow speed and its standard error; the error is NaN where it is not known: of nominal speeds,
        and of fits that are too bad to make an image with.
    speed_source
        How each speed was measured.
    flags
        `(n,)` uint32, `EventFlag` bits.
    rejection
        Reason per event, `Rejection.NONE` for a cell.
    features
        By name with unit, `(n,)` float32 each; NaN where not measurable.
    """

    event_id: npt.NDArray[np.uint64]
    epoch: npt.NDArray[np.int32]
    trigger_tick: npt.NDArray[np.float64]
    images: Mapping[str, Images]
    pixel_um: float
    speed_m_s: npt.NDArray[np.float32]
    speed_error_m_s: npt.NDArray[np.float32]
    speed_source: tuple[SpeedSource, ...]
    flags: npt.NDArray[np.uint32]
    rejection: tuple[Rejection, ...]
    features: Mapping[str, npt.NDArray[np.float32]]

    def __len__(self) -> int:
        return int(self.event_id.shape[0])

    @property
    def is_cell(self) -> npt.NDArray[np.bool_]:
        """`(n,)` bool, True where nothing speaks against the event."""
        return np.array([reason is Rejection.NONE for reason in self.rejection], dtype=bool)

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> CellImages:
        """Return the batch with only these rows; rows that follow each other are not copied."""
        chosen = np.arange(len(self))[rows]
        in_a_row = chosen.size > 0 and bool(np.all(np.diff(chosen) == 1))
        index = slice(int(chosen[0]), int(chosen[0]) + chosen.size) if in_a_row else chosen
        return CellImages(
            event_id=self.event_id[index],
            epoch=self.epoch[index],
            trigger_tick=self.trigger_tick[index],
            images={name: stack[index] for name, stack in self.images.items()},
            pixel_um=self.pixel_um,
            speed_m_s=self.speed_m_s[index],
            speed_error_m_s=self.speed_error_m_s[index],
            speed_source=tuple(self.speed_source[i] for i in chosen),
            flags=self.flags[index],
            rejection=tuple(self.rejection[i] for i in chosen),
            features={name: column[index] for name, column in self.features.items()},
        )

    @classmethod
    def concatenate(cls, batches: Sequence[CellImages]) -> CellImages:
        """Join batches of one run, in order; there must be at least one."""
        first = batches[0]
        return cls(
            event_id=np.concatenate([b.event_id for b in batches]),
            epoch=np.concatenate([b.epoch for b in batches]),
            trigger_tick=np.concatenate([b.trigger_tick for b in batches]),
            images={name: np.concatenate([b.images[name] for b in batches]) for name in first.images},
            pixel_um=first.pixel_um,
            speed_m_s=np.concatenate([b.speed_m_s for b in batches]),
            speed_error_m_s=np.concatenate([b.speed_error_m_s for b in batches]),
            speed_source=tuple(source for b in batches for source in b.speed_source),
            flags=np.concatenate([b.flags for b in batches]),
            rejection=tuple(reason for b in batches for reason in b.rejection),
            features={name: np.concatenate([b.features[name] for b in batches]) for name in first.features},
        )
