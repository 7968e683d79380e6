"""Which network looks at the images of a channel, how large it is, and what is done to the images first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inference.errors import TrainingError


class Network(StrEnum):
    """How an encoder is built."""

    STRIDED = "strided"
    """Convolutions that halve the image, then one fully connected layer: the encoder of paper A, and the only one that
    has a decoder or takes volumes."""
    MENG_TABLE1 = "meng_table1"
    """Paper C, Table I: kernels of 11, 6 and 3 pixels, each followed by the maxima of 2 x 2, then a layer of 64."""
    MENG_OFFICIAL = "meng_official"
    """The same in the code that came with paper C: strides of 2, 2 and 1, and a layer of 2,048 before the 64."""

    @property
    def is_of_paper_c(self) -> bool:
        """Whether its sizes are those of a paper, and nobody's choice."""
        return self is not Network.STRIDED


PAPER_C_WIDTHS = (32, 64, 128)
PAPER_C_LATENT = 64
PAPER_C_EDGE = 128
"""Edge of the images that paper C resizes its cells to, pixels."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of the encoder of one channel, and what is done to its images first.

    Attributes
    ----------
    channel
        Whose images it takes.
    shape
        Of one image as the channel gives it, (y, x) or (z, y, x).
    pool
        Edge of the cubes, or squares, whose means the encoder sees.
    widths
        Channels of its blocks; each makes the image smaller.
    latent
        Size of the latent.
    background
        Value of an empty pixel.
    scale
        Factor that brings the contrast of cells to about 1.
    root
        Whether the square root is taken, sign kept, which gives counts of light the same noise everywhere.
    network
        How it is built.
    edge
        Edge of the square that flat images are resized to, linearly, pixels; None leaves them as they are.
    by_mean
        Whether an image is divided by its own mean, as in paper C.
    """

    channel: str
    shape: tuple[int, ...]
    pool: int
    widths: tuple[int, ...]
    latent: int
    background: float
    scale: float
    root: bool
    network: Network = Network.STRIDED
    edge: int | None = None
    by_mean: bool = False

    def __post_init__(self) -> None:
        if len(self.shape) != 2 and (self.network.is_of_paper_c or self.edge):
            raise TrainingError(f"The network '{self.network}' takes flat images; learn from volumes with 'strided'.")
        factor = self.shrinking[-1]
        if any(size % factor for size in self.seen_shape):
            raise TrainingError(
                f"Images of {' x '.join(map(str, self.shape))} pixels do not fit {len(self.widths)} blocks that shrink "
                f"them {factor}-fold{f' after means over {self.pool}' if self.pool > 1 else ''}; every side must be a "
                f"multiple of {factor * self.pool}."
            )

    @property
    def seen_shape(self) -> tuple[int, ...]:
        """Of one image as the first block sees it."""
        return (self.edge, self.edge) if self.edge else tuple(size // self.pool for size in self.shape)

    @property
    def shrinking(self) -> tuple[int, ...]:
        """By how much the image is smaller along each axis behind each block."""
        each = (4, 4, 2) if self.network is Network.MENG_OFFICIAL else (2,) * len(self.widths)
        smaller = [1]
        for factor in each:
            smaller.append(smaller[-1] * factor)
        return tuple(smaller[1:])

    @property
    def blocks_that_can_be_walked_back(self) -> int:
        """How many blocks before the last one the activation can lie that a saliency map is made of."""
        return 0 if self.network.is_of_paper_c else len(self.widths) - 1

    def activation_shape(self, blocks_back: int = 0) -> tuple[int, ...]:
        """Shape of the activation that lies some blocks before the last one, channels left out."""
        shrinking = self.shrinking[-1 - blocks_back]
        return tuple(size // shrinking for size in self.seen_shape)

    @property
    def preprocessing(self) -> str:
        """What is done to the images, in words."""
        light = f"mean({self.channel}, {self.pool})" if self.pool > 1 else self.channel
        if self.edge:
            light = f"linear({light}, {self.edge} x {self.edge})"
        if self.by_mean:
            light = f"{light} / its mean"
        if self.background:
            light = f"({light} - {self.background:g})"
        return f"{f'signed_root({light})' if self.root else light} * {self.scale:.9g}"
