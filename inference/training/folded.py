"""Strided encoders as they are exported: the same answers with less arithmetic, for processors."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from inference.training.encoder import Encoder

_Convolution = nn.Conv2d | nn.Conv3d
_Normalisation = nn.BatchNorm2d | nn.BatchNorm3d

# Keeps the root of nothing from dividing zero by zero; far below any light.
_DARKEST = 1e-30


class FoldedEncoder(nn.Module):
    """A trained encoder with normalisation and scale folded into its convolutions.

    Volumes are convolved as stacks of planes: a plane of a stride-2 convolution sees three planes of the block before,
    so that these, taken as channels, make of it a convolution of images, for which ONNX Runtime has the better kernels.

    Parameters
    ----------
    encoder
        As it was trained; it is not changed.
    """

    background: Tensor

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.architecture = encoder.architecture
        self.solid = len(self.architecture.shape) == 3
        self.register_buffer("background", encoder.background.clone())
        scales = [encoder.scale] + [torch.ones(())] * (len(encoder.blocks) - 1)
        blocks = zip(encoder.blocks, scales, strict=True)
        self.convolutions = nn.ModuleList(_folded(block, scale) for block, scale in blocks)
        latent = cast(nn.Linear, encoder.latent)
        weight = latent.weight.detach()
        if self.solid:
            by_place = weight.view(len(weight), encoder.channels, *self.architecture.activation_shape())
            weight = by_place.transpose(1, 2).reshape(len(weight), -1)
        self.latent = nn.Linear(weight.shape[1], len(weight))
        self.latent.load_state_dict({"weight": weight, "bias": latent.bias.detach()})

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return every block's activation and the latent `(n, d)` of images as channels give them, `(n, c, ...)`.

        Activations are `(n, c, y, x)`, of volumes `(n, z, c, y, x)`.
        """
        light = self._light(images)
        # Of a volume, the place of the channels is behind z from here on; a transposition of one channel would copy it.
        activation = light.squeeze(1).unsqueeze(2) if self.solid else light
        activations = []
        for convolution in self.convolutions:
            if self.solid:
                planes = torch.relu(convolution(_with_neighbours(activation)))
                activation = planes.reshape(-1, activation.shape[1] // 2, *planes.shape[1:])
            else:
                activation = torch.relu(convolution(activation))
            activations.append(activation)
        return activations, self.latent(activation.flatten(1))

    def gradients(self, by_latent: Tensor, activations: list[Tensor], blocks: int) -> Tensor:
        """Return a score's gradient by the activation that lies some blocks before the last one, as large as that.

        Written out, because ONNX has no gradients: every layer is linear but for the ReLU, whose gradient is 1 where
        it answers anything.

        Parameters
        ----------
        by_latent
            `(n, d)` gradient of the score by the latent.
        activations
            As `forward` returns them.
        blocks
            How many blocks to go back; 0 gives the gradient by the last activation.
        """
        last = activations[-1]
        gradient = (by_latent @ self.latent.weight).reshape(-1, *last.shape[1:])
        for back in range(1, blocks + 1):
            gradient = gradient * (activations[-back] > 0).to(gradient.dtype)
            weight = cast(nn.Conv2d, self.convolutions[-back]).weight
            if not self.solid:
                gradient = _convolved_back(gradient, weight)
                continue
            planes = _convolved_back(gradient.flatten(0, 1), weight)
            gradient = _without_neighbours(planes.reshape(*gradient.shape[:2], *planes.shape[1:]))
        return gradient

    def _light(self, images: Tensor) -> Tensor:
        """Do what the encoder does to images first, except for the scale, which is in the first convolution."""
        architecture = self.architecture
        if architecture.pool > 1:
            mean = nn.functional.avg_pool3d if self.solid else nn.functional.avg_pool2d
            images = mean(images, architecture.pool)
        if architecture.background:
            images = images - self.background
        if architecture.root:
            images = images / torch.sqrt(torch.clamp(torch.abs(images), min=_DARKEST))
        return images


def _with_neighbours(planes: Tensor) -> Tensor:
    """Lay each three planes that one plane of the result sees behind each other, `(n * z / 2, 3 c, y, x)`."""
    z, channels, y, x = planes.shape[1:]
    pairs = planes.reshape(-1, z // 2, 2 * channels, y, x)
    before = nn.functional.pad(planes[:, 1:-1:2], (0, 0, 0, 0, 0, 0, 1, 0))
    return torch.cat([before, pairs], dim=2).reshape(-1, 3 * channels, y, x)


def _without_neighbours(stacks: Tensor) -> Tensor:
    """Add up what each plane is in the stacks of `_with_neighbours`, `(n, z / 2, 3 c, y, x)` to `(n, z, c, y, x)`."""
    half, channels, y, x = stacks.shape[1], stacks.shape[2] // 3, *stacks.shape[3:]
    shown_by_next = nn.functional.pad(stacks[:, 1:, :channels], (0, 0, 0, 0, 0, 0, 0, 1))
    own = torch.cat([stacks[:, :, channels : 2 * channels], stacks[:, :, 2 * channels :] + shown_by_next], dim=2)
    return own.reshape(-1, 2 * half, channels, y, x)


def _convolved_back(gradient: Tensor, weight: Tensor) -> Tensor:
    return nn.functional.conv_transpose2d(gradient, weight, stride=2, padding=1, output_padding=1)


def _folded(block: nn.Module, scale: Tensor) -> nn.Conv2d:
    """Make one convolution of a block's two layers, whose input is to be multiplied by `scale`, `()` or `(c, 1, 1)`."""
    convolution, normalisation = cast(tuple[_Convolution, _Normalisation], tuple(block.children())[:2])
    mean, variance = cast(tuple[Tensor, Tensor], (normalisation.running_mean, normalisation.running_var))
    gain = normalisation.weight.detach().double() / torch.sqrt(variance.double() + normalisation.eps)
    offset = normalisation.bias.detach().double() - mean.double() * gain
    by_output = gain.view(-1, *[1] * (convolution.weight.dim() - 1))
    weight = convolution.weight.detach().double() * scale.double() * by_output
    if weight.dim() == 5:
        weight = weight.transpose(1, 2).flatten(1, 2)
    folded = nn.Conv2d(weight.shape[1], weight.shape[0], kernel_size=3, stride=2, padding=1)
    folded.load_state_dict({"weight": weight.float(), "bias": offset.float()})
    return folded
