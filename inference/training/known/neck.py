"""From the last activation of a known network to the latent."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

_PAPER_B_WIDTHS = (2048, 1024, 512, 256)


class MeanNeck(nn.Module):
    """The mean over places, then a fully connected layer.

    Parameters
    ----------
    channels, latent
        Of the activation, and numbers of the latent.
    """

    def __init__(self, channels: int, latent: int) -> None:
        super().__init__()
        self.channels = channels
        self.last = nn.Linear(channels, latent)

    def forward(self, flat: Tensor) -> Tensor:
        """Return `(n, d)` latents of `(n, channels * places)` activations."""
        return cast(Tensor, self.last(flat.reshape(flat.shape[0], self.channels, -1).mean(dim=2)))

    def gradient(self, by_latent: Tensor, activation: Tensor) -> Tensor:
        """Return a score's gradient by the activation `(n, c, y, x)` from that by the latent, without autograd."""
        by_mean = by_latent @ self.last.weight / (activation.shape[2] * activation.shape[3])
        return by_mean[:, :, None, None].expand_as(activation)


class DenseNeck(nn.Module):
    """The layers that paper B adds: fully connected ones at every place, dropout, then one over all places.

    Fully connected layers before a flattening act on the channels of each place: they are convolutions of 1 x 1.

    Parameters
    ----------
    channels, places, latent
        Of the activation, and numbers of the latent.
    """

    def __init__(self, channels: int, places: int, latent: int) -> None:
        super().__init__()
        self.channels = channels
        ins = (channels, *_PAPER_B_WIDTHS)
        self.at_place = nn.ModuleList(nn.Linear(*pair) for pair in zip(ins, _PAPER_B_WIDTHS, strict=False))
        self.dropout = nn.Dropout(0.5)
        self.last = nn.Linear(_PAPER_B_WIDTHS[-1] * places, latent)

    def forward(self, flat: Tensor) -> Tensor:
        """Return `(n, d)` latents of `(n, channels * places)` activations."""
        answers = self._answers(flat.reshape(flat.shape[0], self.channels, -1).transpose(1, 2))
        return cast(Tensor, self.last(self.dropout(answers[-1]).flatten(1)))

    def gradient(self, by_latent: Tensor, activation: Tensor) -> Tensor:
        """Return a score's gradient by the activation `(n, c, y, x)` from that by the latent, without autograd."""
        answers = self._answers(activation.flatten(2).transpose(1, 2))
        gradient = (by_latent @ self.last.weight).reshape(answers[-1].shape)
        for layer, answer in zip(reversed(self.at_place), reversed(answers), strict=True):
            gradient = (gradient * (answer > 0).to(gradient.dtype)) @ cast(nn.Linear, layer).weight
        return gradient.transpose(1, 2).reshape(activation.shape)

    def _answers(self, places: Tensor) -> list[Tensor]:
        """Return what every layer answers at each place, `(n, places, width)`."""
        answers = []
        for layer in self.at_place:
            places = torch.relu(layer(places))
            answers.append(places)
        return answers
