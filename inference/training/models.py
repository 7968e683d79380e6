"""The 2D convolutional autoencoder of paper A (Zhang et al., Scientific Reports 13, 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from inference.errors import TrainingError


@dataclass(frozen=True)
class Architecture:
    """Sizes of an autoencoder.

    Attributes
    ----------
    shape
        Of one image, (y, x); each block halves it, so both must divide by 2 to the number of blocks.
    widths
        Channels of the encoder's blocks.
    latent
        Size of the latent.
    """

    shape: tuple[int, int]
    widths: tuple[int, ...]
    latent: int

    def __post_init__(self) -> None:
        factor = 2 ** len(self.widths)
        if any(size % factor for size in self.shape):
            raise TrainingError(
                f"Images of {self.shape[0]} x {self.shape[1]} pixels do not fit {len(self.widths)} halvings; "
                f"both sides must be multiples of {factor}."
            )

    @property
    def map_shape(self) -> tuple[int, int]:
        """Shape of the last convolution's activation, which the saliency map has."""
        factor = 2 ** len(self.widths)
        return self.shape[0] // factor, self.shape[1] // factor


class Encoder(nn.Module):
    """Stride-2 convolution blocks, then a fully connected layer to the latent."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        ins = (1, *architecture.widths[:-1])
        self.blocks = nn.Sequential(*map(_down, ins, architecture.widths))
        height, width = architecture.map_shape
        self.channels = architecture.widths[-1]
        self.latent = nn.Linear(self.channels * height * width, architecture.latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last activation `(n, c, h, w)` and the latent `(n, d)` of `(n, 1, y, x)` preprocessed images."""
        activation = self.blocks(x)
        return activation, self.latent(activation.flatten(1))


class Decoder(nn.Module):
    """A fully connected layer, then transposed convolutions back to the image."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        widths = architecture.widths[::-1]
        self.start = (widths[0], *architecture.map_shape)
        self.widen = nn.Linear(architecture.latent, widths[0] * architecture.map_shape[0] * architecture.map_shape[1])
        ups = list(map(_up, widths[:-1], widths[1:]))
        last = nn.ConvTranspose2d(widths[-1], 1, kernel_size=3, stride=2, padding=1, output_padding=1)
        self.blocks = nn.Sequential(nn.ReLU(), *ups, last)

    def forward(self, z: Tensor) -> Tensor:
        """Return `(n, 1, y, x)` images of `(n, d)` latents."""
        return cast(Tensor, self.blocks(self.widen(z).view(-1, *self.start)))


class Autoencoder(nn.Module):
    """Encoder and decoder with the preprocessing in front: `(image - background) * scale`."""

    background: Tensor
    scale: Tensor

    def __init__(self, architecture: Architecture, background: float, scale: float) -> None:
        super().__init__()
        self.architecture = architecture
        self.register_buffer("background", torch.tensor(background, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.encoder = Encoder(architecture)
        self.decoder = Decoder(architecture)

    def preprocess(self, images: Tensor) -> Tensor:
        """Bring the empty background to 0 and the cells' contrast to about 1."""
        return (images - self.background) * self.scale

    def forward(self, prepared: Tensor) -> Tensor:
        """Return the reconstruction of preprocessed images, preprocessed as they are."""
        _, z = self.encoder(prepared)
        return cast(Tensor, self.decoder(z))


def reconstruction_loss(model: Autoencoder, prepared: Tensor) -> Tensor:
    """Mean squared error per pixel (paper A, Eq. 1) of preprocessed images."""
    return nn.functional.mse_loss(model(prepared), prepared)


def _down(ins: int, outs: int) -> nn.Module:
    # The normalisation's own offset makes a bias superfluous.
    convolution = nn.Conv2d(ins, outs, kernel_size=3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outs), nn.ReLU())


def _up(ins: int, outs: int) -> nn.Module:
    convolution = nn.ConvTranspose2d(ins, outs, kernel_size=3, stride=2, padding=1, output_padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outs), nn.ReLU())
