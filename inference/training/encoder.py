"""The encoder of the images of one channel or several, built as its architecture says, and a decoder for one."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from typing import Self, cast

import torch
from torch import Tensor, nn

from inference.training.architecture import Architecture, Network
from inference.training.concept_choices import ConceptScore
from inference.training.known.blocks import known_network
from inference.training.known.neck import DenseNeck, MeanNeck
from inference.training.known.resnet import Residual

_PAPER_C_KERNELS = (11, 6, 3)
_PAPER_C_OFFICIAL_STRIDES = (2, 2, 1)
_PAPER_C_OFFICIAL_HIDDEN = 2048


@dataclass(frozen=True)
class ConceptAxes:
    """Where concepts lie in an encoder: the first axes behind the first normalisation of the last block of a layer.

    Attributes
    ----------
    layer
        Which of the four layers of a residual network, from 1 on.
    names
        Of the concepts.
    score
        How a map becomes a number.
    """

    layer: int
    names: tuple[str, ...]
    score: ConceptScore


class Encoder(nn.Module):
    """Preprocessing, blocks of convolutions, then fully connected layers to the latent.

    Attributes
    ----------
    blocks
        From preprocessed images to the last activation, one module each.
    latent
        From that activation, flattened, to the latent.
    concepts
        Where axes of an activation are concepts; None where there are none. See `concepts.whiten`.
    """

    background: Tensor
    scale: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.frozen = False
        self.concepts: ConceptAxes | None = None
        self.register_buffer("background", torch.tensor(architecture.background, dtype=torch.float32))
        self.register_buffer("scale", _scale(architecture))
        self.blocks = nn.Sequential(*_blocks(architecture))
        self.channels = architecture.widths[-1]
        self.latent = _to_latent(architecture, self.channels * math.prod(architecture.activation_shape()))

    def freeze(self) -> None:
        """Keep the weights and statistics of the blocks as they are, whatever is learnt."""
        self.frozen = True
        self.blocks.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Begin to learn, or to answer; what is frozen always answers."""
        super().train(mode)
        if self.frozen:
            self.blocks.eval()
        return self

    def pool(self, images: Tensor) -> Tensor:
        """Take means of images as the channel gives them, `(n, 1, ...)`."""
        pool = self.architecture.pool
        if pool == 1:
            return images
        mean = nn.functional.avg_pool2d if images.dim() == 4 else nn.functional.avg_pool3d
        return mean(images, pool)

    def preprocess(self, pooled: Tensor) -> Tensor:
        """Bring the empty background to 0 and the cells' contrast to about 1, `(n, channels, ...)`."""
        return prepared(self.architecture, pooled, self.background, self.scale)

    def forward(self, prepared: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last activation `(n, c, ...)` and the latent `(n, d)` of preprocessed images."""
        activation = self.blocks(prepared)
        return activation, self.latent(activation.flatten(1))

    def walk(self, prepared: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Return every block's activation of preprocessed images, and the maps `(n, d, y, x)` of concepts if any."""
        activations, maps, seen = [], None, prepared
        for place, block in enumerate(self.blocks):
            if self.concepts is not None and place == self.concepts.layer:
                *before, last = cast(nn.Sequential, block)
                for part in before:
                    seen = part(seen)
                maps, seen = cast(Residual, last).parts(seen)
            else:
                seen = block(seen)
            activations.append(seen)
        return activations, maps


def prepared(architecture: Architecture, pooled: Tensor, background: Tensor, scale: Tensor) -> Tensor:
    """Do what an architecture says to images first, `(n, channels, ...)`, with this background and this scale."""
    light = pooled
    if architecture.edge:
        light = nn.functional.interpolate(light, size=architecture.seen_shape, mode="bilinear", align_corners=False)
    if architecture.by_mean:
        light = light / light.mean(dim=(2, 3), keepdim=True)
    light = light - background
    if architecture.root:
        light = torch.sign(light) * torch.sqrt(torch.abs(light))
    return light * scale


class Decoder(nn.Module):
    """A fully connected layer, then transposed convolutions back to the image, for encoders that are `strided`."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        widths, dimensions = architecture.widths[::-1], len(architecture.shape)
        self.start = (widths[0], *architecture.activation_shape())
        self.widen = nn.Linear(architecture.latent, math.prod(self.start))
        ups = [_up(dimensions, *pair) for pair in pairwise(widths)]
        transposed = nn.ConvTranspose2d if dimensions == 2 else nn.ConvTranspose3d
        last = transposed(widths[-1], 1, kernel_size=3, stride=2, padding=1, output_padding=1)
        self.blocks = nn.Sequential(nn.ReLU(), *ups, last)

    def forward(self, z: Tensor) -> Tensor:
        """Return `(n, 1, ...)` preprocessed images of `(n, d)` latents."""
        return cast(Tensor, self.blocks(self.widen(z).view(-1, *self.start)))


class _Lift(nn.Module):
    """Adds to every channel what an empty pixel is to the network."""

    lifts: Tensor

    def __init__(self, lifts: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("lifts", torch.tensor(lifts, dtype=torch.float32).view(-1, 1, 1), persistent=False)

    def forward(self, prepared: Tensor) -> Tensor:
        return prepared + self.lifts


def _scale(architecture: Architecture) -> Tensor:
    if not architecture.gains:
        return torch.tensor(architecture.scale, dtype=torch.float32)
    return torch.tensor([architecture.scale * gain for gain in architecture.gains], dtype=torch.float32).view(-1, 1, 1)


def _known_blocks(architecture: Architecture) -> list[nn.Module]:
    first, *others = known_network(architecture.network, len(architecture.channels), classes=None).blocks()
    if architecture.lifts:
        first = nn.Sequential(OrderedDict([("lift", _Lift(architecture.lifts)), *first.named_children()]))
    return [first, *others]


def _blocks(architecture: Architecture) -> list[nn.Module]:
    if architecture.network.is_known:
        return _known_blocks(architecture)
    pairs = list(pairwise((len(architecture.channels), *architecture.widths)))
    if architecture.network is Network.STRIDED:
        return [_down(len(architecture.shape), *pair) for pair in pairs]
    if architecture.network is Network.MENG_TABLE1:
        sizes = zip(pairs, _PAPER_C_KERNELS, strict=True)
        return [nn.Sequential(_same(*pair, kernel), nn.ReLU(), nn.MaxPool2d(2)) for pair, kernel in sizes]
    sizes_and_strides = zip(pairs, _PAPER_C_KERNELS, _PAPER_C_OFFICIAL_STRIDES, strict=True)
    return [
        # The published code normalises with a decay of 0.99 and this addend, behind the ReLU.
        nn.Sequential(
            _same(*pair, kernel, stride), nn.MaxPool2d(2), nn.ReLU(), nn.BatchNorm2d(pair[1], eps=1e-3, momentum=0.01)
        )
        for pair, kernel, stride in sizes_and_strides
    ]


def _to_latent(architecture: Architecture, flat: int) -> nn.Module:
    if architecture.network is Network.MENG_OFFICIAL:
        hidden = nn.Linear(flat, _PAPER_C_OFFICIAL_HIDDEN)
        return nn.Sequential(hidden, nn.ReLU(), nn.Linear(_PAPER_C_OFFICIAL_HIDDEN, architecture.latent))
    if architecture.network.is_known:
        channels = architecture.widths[-1]
        if architecture.dense:
            return DenseNeck(channels, flat // channels, architecture.latent)
        return MeanNeck(channels, architecture.latent)
    return nn.Linear(flat, architecture.latent)


def _same(ins: int, outs: int, kernel: int, stride: int = 1) -> nn.Module:
    """Return a convolution whose answer is smaller than what it sees by the stride alone; around that is nothing."""
    around = kernel - stride
    before = around // 2
    return nn.Sequential(
        nn.ZeroPad2d((before, around - before, before, around - before)), nn.Conv2d(ins, outs, kernel, stride=stride)
    )


def _down(dimensions: int, ins: int, outs: int) -> nn.Module:
    convolution, normalisation = (nn.Conv2d, nn.BatchNorm2d) if dimensions == 2 else (nn.Conv3d, nn.BatchNorm3d)
    # The normalisation's own offset makes a bias superfluous.
    return nn.Sequential(
        convolution(ins, outs, kernel_size=3, stride=2, padding=1, bias=False), normalisation(outs), nn.ReLU()
    )


def _up(dimensions: int, ins: int, outs: int) -> nn.Module:
    transposed, normalisation = (
        (nn.ConvTranspose2d, nn.BatchNorm2d) if dimensions == 2 else (nn.ConvTranspose3d, nn.BatchNorm3d)
    )
    return nn.Sequential(
        transposed(ins, outs, kernel_size=3, stride=2, padding=1, output_padding=1, bias=False),
        normalisation(outs),
        nn.ReLU(),
    )
