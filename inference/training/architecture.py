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
    RESNET18 = "resnet18"
    """Of He et al., as torchvision has it; looks at all channels at once."""
    RESNET50 = "resnet50"
    """The same with bottlenecks."""
    VGG16 = "vgg16"
    """Of Simonyan and Zisserman, as torchvision has it; looks at all channels at once."""

    @property
    def is_of_paper_c(self) -> bool:
        """Whether its sizes are those of paper C, and nobody's choice."""
        return self in (Network.MENG_TABLE1, Network.MENG_OFFICIAL)

    @property
    def is_known(self) -> bool:
        """Whether it is one that many know, and weights are passed on of."""
        return self in KNOWN_WIDTHS

    @property
    def is_residual(self) -> bool:
        """Whether its blocks add to what they see."""
        return self in (Network.RESNET18, Network.RESNET50)


class Contrast(StrEnum):
    """How light, of which an empty pixel has 1, is brought to numbers that a known network takes."""

    OWN = "own"
    """An empty pixel is 0, and the contrast of the training cells 1."""
    IMAGENET = "imagenet"
    """Less the mean of ImageNet's colours over their spread: what torchvision's weights were learnt on."""
    UNIT = "unit"
    """As it is, dark 0 and empty 1: what paper B does."""


KNOWN_WIDTHS = {
    Network.RESNET18: (64, 64, 128, 256, 512),
    Network.RESNET50: (64, 256, 512, 1024, 2048),
    Network.VGG16: (64, 128, 256, 512, 512),
}
"""Channels behind the blocks of known networks; the first of a residual one is what stands before its four layers."""
_LEAST_EDGE = 32

PAPER_C_WIDTHS = (32, 64, 128)
PAPER_C_LATENT = 64
PAPER_C_EDGE = 128
"""Edge of the images that paper C resizes its cells to, pixels."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of an encoder, of one channel or of several flat ones; and what is done to images first.

    Attributes
    ----------
    channel
        Whose images it takes; what its answers are called after.
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
    beside
        Further channels that are looked at together with the first.
    gains
        Of every channel, what its contrast is multiplied by besides; empty where it is 1.
    lifts
        Of every channel, what an empty pixel is when the network sees it; empty where it is 0.
    dense
        Whether the layers of paper B stand between a known network and its latent, or the mean over places alone.
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
    beside: tuple[str, ...] = ()
    gains: tuple[float, ...] = ()
    lifts: tuple[float, ...] = ()
    dense: bool = False

    def __post_init__(self) -> None:
        if len(self.shape) != 2 and (self.network is not Network.STRIDED or self.edge):
            raise TrainingError(f"The network '{self.network}' takes flat images; learn from volumes with 'strided'.")
        if self.beside and self.network.is_of_paper_c:
            raise TrainingError(f"The network '{self.network}' looks at one channel; choose 'strided' or a known one.")
        if self.network.is_known:
            if min(self.seen_shape) < _LEAST_EDGE:
                raise TrainingError(f"The network '{self.network}' needs images of {_LEAST_EDGE} pixels or more.")
            return
        factor = self.shrinking[-1]
        if any(size % factor for size in self.seen_shape):
            raise TrainingError(
                f"Images of {' x '.join(map(str, self.shape))} pixels do not fit {len(self.widths)} blocks that shrink "
                f"them {factor}-fold{f' after means over {self.pool}' if self.pool > 1 else ''}; every side must be a "
                f"multiple of {factor * self.pool}."
            )

    @property
    def channels(self) -> tuple[str, ...]:
        """All channels that it looks at."""
        return (self.channel, *self.beside)

    @property
    def seen_shape(self) -> tuple[int, ...]:
        """Of one image as the first block sees it."""
        return (self.edge, self.edge) if self.edge else tuple(size // self.pool for size in self.shape)

    @property
    def shrinking(self) -> tuple[int, ...]:
        """By how much the image is smaller along each axis behind each block."""
        each = (4, 4, 2) if self.network is Network.MENG_OFFICIAL else (2,) * len(self.widths)
        each = (4, 1, 2, 2, 2) if self.network.is_residual else each
        smaller = [1]
        for factor in each:
            smaller.append(smaller[-1] * factor)
        return tuple(smaller[1:])

    @property
    def blocks_that_can_be_walked_back(self) -> int:
        """How many blocks before the last one the activation can lie that a saliency map is made of."""
        return len(self.widths) - 1 if self.network is Network.STRIDED else 0

    def activation_shape(self, blocks_back: int = 0) -> tuple[int, ...]:
        """Shape of the activation that lies some blocks before the last one, channels left out."""
        shrinking = self.shrinking[-1 - blocks_back]
        # Residual networks pad, so that they keep what is left over of a side; the others have no sides with rests, or
        # leave these out.
        return tuple(
            -(-size // shrinking) if self.network.is_residual else size // shrinking for size in self.seen_shape
        )

    @property
    def preprocessing(self) -> str:
        """What is done to the images, in words."""
        if not self.gains:
            return self._preprocessing(self.channel, self.scale)
        scaled = [
            self._preprocessing(name, self.scale * gain) for name, gain in zip(self.channels, self.gains, strict=True)
        ]
        lifts = self.lifts or (0.0,) * len(scaled)
        return "; ".join(f"{one} + {lift:.9g}" if lift else one for one, lift in zip(scaled, lifts, strict=True))

    def _preprocessing(self, channel: str, scale: float) -> str:
        light = f"mean({channel}, {self.pool})" if self.pool > 1 else channel
        if self.edge:
            light = f"linear({light}, {self.edge} x {self.edge})"
        if self.by_mean:
            light = f"{light} / its mean"
        if self.background:
            light = f"({light} - {self.background:g})"
        return f"{f'signed_root({light})' if self.root else light} * {scale:.9g}"
