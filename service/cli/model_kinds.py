"""The kinds of models that can be trained: what they learn from, and which images they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acquisition.instrument import Instrument
from inference.errors import TrainingError
from reconstruction.transform import transform_for


@dataclass(frozen=True)
class ModelKind:
    """A kind of model.

    Attributes
    ----------
    learning
        Name of what its encoder learns from, see `inference.training.options.Learning`.
    images, volumes
        Whether it takes a flat image, and a volume, of every cell.
    factors
        Whether it needs the true values of what cells differ by.
    image_pool
        Edge of the squares of pixels whose means it sees of a flat image.
    several
        Whether it takes any number of flat images of every cell.
    """

    learning: str
    images: bool
    volumes: bool
    factors: bool = False
    image_pool: int = 1
    several: bool = False

    def channels(self, instrument: Instrument, asked: Sequence[str]) -> tuple[str, ...]:
        """Return the channels of an instrument that such a model takes, images first.

        Parameters
        ----------
        asked
            Channels to take; without any, the first of each sort.

        Raises
        ------
        TrainingError
            If the instrument does not have them.
        """
        transform = transform_for(instrument)
        flat = transform.flat_channels
        solid = tuple(name for name in transform.channels if name not in flat)
        chosen: list[str] = []
        for wanted, known, what in ((self.images, flat, "flat images"), (self.volumes, solid, "volumes")):
            named = [name for name in asked if name in known]
            if wanted and not known:
                raise TrainingError(
                    f"The instrument '{instrument.name}' gives no {what}; choose another kind of model."
                )
            if (len(named) > 1 and not self.several) or (named and not wanted):
                raise TrainingError(f"This kind of model takes {'one' if wanted else 'no'} channel of {what}.")
            chosen += named or list(known[: int(wanted)])
        unknown = set(asked) - {*flat, *solid}
        if unknown:
            raise TrainingError(f"There are no images of '{min(unknown)}'; use one of {', '.join((*flat, *solid))}.")
        return tuple(chosen)


KINDS = {
    "dcae2d": ModelKind("reconstruction", images=True, volumes=False),
    "dcae3d": ModelKind("reconstruction", images=False, volumes=True),
    "dcae_fused": ModelKind("reconstruction", images=True, volumes=True),
    "contrastive2d": ModelKind("contrast", images=True, volumes=False),
    "contrastive3d": ModelKind("contrast", images=False, volumes=True),
    "contrastive_fused": ModelKind("contrast", images=True, volumes=True),
    "classifier2d": ModelKind("labels", images=True, volumes=False),
    "classifier3d": ModelKind("labels", images=False, volumes=True),
    "classifier_fused": ModelKind("labels", images=True, volumes=True),
    "vae2d": ModelKind("variation", images=True, volumes=False, image_pool=2),
    "factors2d": ModelKind("factors", images=True, volumes=False, factors=True, image_pool=2),
}
"""By the name that `lightline train` takes."""


FACTORS = ("diameter_um", "nucleus_ratio", "granules_per_um3")
"""What cells differ by, as the truth of simulated cells names it, unless chosen: size, nuclear ratio, granules."""


@dataclass(frozen=True)
class Wanted:
    """What is taken of every cell.

    Attributes
    ----------
    kind, channels
        Of the model; and the channels asked for, none for the first ones.
    volume_pool
        Edge of the cubes of voxels whose means are kept.
    side, shrink, pixel_um
        Of the images of a collection; see `inference.training.collection.CollectionOptions`.
    factors, factors_must_be_known
        Columns of the truth whose values are taken; and whether a place that knows no truth is refused.
    concepts
        What people say of cells, `FACT=WORD` each.
    patch, patch_step
        Edge of the squares that large images of a collection are cut into, and how far apart they begin, pixels; None
        takes images as they are, and squares that do not overlap.
    """

    kind: ModelKind
    channels: tuple[str, ...] = ()
    volume_pool: int = 1
    side: int | None = None
    shrink: int = 1
    pixel_um: float | None = None
    factors: tuple[str, ...] = ()
    factors_must_be_known: bool = True
    concepts: tuple[str, ...] = ()
    patch: int | None = None
    patch_step: int | None = None

    def pool_of(self, dimensions: int) -> int:
        """Return the edge of the squares whose means are kept of a stack of images, or, with 4 axes, of the cubes."""
        return self.volume_pool if dimensions == 4 else self.kind.image_pool
