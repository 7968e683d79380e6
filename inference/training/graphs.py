"""The trained parts as two modules that need no autograd, ready to be exported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from inference.training.heads import Head
from inference.training.mixture import Mixture
from inference.training.models import Autoencoder


@dataclass(frozen=True)
class TrainedParts:
    """What a bundle is made of.

    Attributes
    ----------
    model, mixture, head
        Autoencoder, clusters and class head.
    clusters, classes
        Names. Without classes the head was fitted to the clusters, and is used for explanations alone.
    """

    model: Autoencoder
    mixture: Mixture
    head: Head
    clusters: tuple[str, ...]
    classes: tuple[str, ...]


class _Latent(nn.Module):
    """From images as the channel gives them, `(n, y, x)`, to activation, standardised latent and embedding."""

    centre: Tensor
    spread: Tensor
    rotation: Tensor

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.model = parts.model
        self.register_buffer("centre", _single(parts.mixture.centre))
        self.register_buffer("spread", _single(parts.mixture.spread))
        self.register_buffer("rotation", _single(parts.mixture.rotation))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        activation, latent = self.model.encoder(self.model.preprocess(image.unsqueeze(1)))
        standardised = (latent - self.centre) / self.spread
        return activation, standardised, standardised @ self.rotation


class LiveGraph(nn.Module):
    """Images to embedding, cluster posterior, class probability and novelty."""

    mean: Tensor
    factor: Tensor
    log_normaliser: Tensor

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.latent = _Latent(parts)
        self.head = parts.head if parts.classes else None
        self.register_buffer("mean", _single(parts.mixture.mean))
        self.register_buffer("factor", _single(parts.mixture.precision_factor))
        self.register_buffer("log_normaliser", _single(parts.mixture.log_normaliser))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the four answers for `(n, y, x)` images."""
        _, standardised, embedding = self.latent(image)
        # Centred first: in single precision the expanded quadratic form loses all digits.
        whitened = torch.einsum("nkd,kde->nke", embedding[:, None] - self.mean, self.factor)
        squared = (whitened * whitened).sum(dim=2)
        posterior = torch.softmax(self.log_normaliser - 0.5 * squared, dim=1)
        probability = embedding[:, :0] if self.head is None else torch.softmax(self.head(standardised), dim=1)
        return embedding, posterior, probability, torch.sqrt(squared.amin(dim=1))


class ExplainGraph(nn.Module):
    """Images and targets to scores, embedding and the raw Grad-CAM map of the last convolution.

    Grad-CAM (Selvaraju 2017; paper A, Eq. 4 and 5) weighs each channel by the mean over space of the gradient of the
    target's score. Between the activation and the score lie only linear layers and one ReLU, so that the gradient is a
    product of weights, and the mean can be taken on the latent layer's weights once.
    """

    mean_weight: Tensor

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.latent = _Latent(parts)
        self.head = parts.head
        weight = parts.model.encoder.latent.weight.detach().double()
        by_place = weight.view(len(weight), parts.model.encoder.channels, -1)
        # d standardised / d activation, averaged over space: the latent's spread divides.
        spread = torch.from_numpy(parts.mixture.spread).view(-1, 1)
        self.register_buffer("mean_weight", (by_place.mean(dim=2) / spread).float())

    def forward(self, image: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the answers for `(n, y, x)` images and `(n,)` int64 targets, -1 meaning the highest score."""
        activation, standardised, embedding = self.latent(image)
        hidden = self.head.first(standardised)
        logits = self.head.second(torch.relu(hidden))
        chosen = torch.where(target < 0, logits.argmax(dim=1), target)
        gradient = (self.head.second.weight[chosen] * (hidden > 0).to(hidden.dtype)) @ self.head.first.weight
        channel_weight = gradient @ self.mean_weight
        saliency = torch.relu((channel_weight[:, :, None, None] * activation).sum(dim=1))
        return logits, embedding, saliency


def _single(values: npt.NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
