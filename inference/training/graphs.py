"""The trained parts as two modules that need no autograd, ready to be exported."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from inference.training.folded import FoldedEncoder
from inference.training.heads import Head
from inference.training.mixture import Mixture
from inference.training.models import Architecture, Encoder, Encoders
from inference.training.novelty import NoveltyChoice
from inference.training.novelty_modules import novelty_module, single


@dataclass(frozen=True)
class TrainedParts:
    """What a bundle is made of.

    Attributes
    ----------
    model, mixture, head
        Encoders, clusters and class head.
    clusters, classes
        Names. Without classes the head was fitted to the clusters, and is used for explanations alone.
    novelty
        What the live graph answers as novelty, and why that.
    temperature
        What the head's scores are divided by, in its weights already; None where they are not.
    history
        `(train loss, held-out loss)` of each epoch of the encoders.
    """

    model: Encoders
    mixture: Mixture
    head: Head
    clusters: tuple[str, ...]
    classes: tuple[str, ...]
    novelty: NoveltyChoice
    temperature: float | None = None
    history: tuple[tuple[float, float], ...] = ()

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """Of every channel's encoder."""
        return tuple(encoder.architecture for encoder in self.model.encoders.values())


class _Latent(nn.Module):
    """From images as the channels give them, `(n, ...)`, to activations, standardised latent and embedding."""

    centre: Tensor
    spread: Tensor
    rotation: Tensor

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.by_channel = nn.ModuleDict({name: FoldedEncoder(one) for name, one in parts.model.encoders.items()})
        self.register_buffer("centre", single(parts.mixture.centre))
        self.register_buffer("spread", single(parts.mixture.spread))
        self.register_buffer("rotation", single(parts.mixture.rotation))

    def forward(self, images: tuple[Tensor, ...]) -> tuple[list[Tensor], Tensor, Tensor]:
        activations, latents = [], []
        for encoder, image in zip(self.by_channel.values(), images, strict=True):
            activation, latent = encoder(image)
            activations.append(activation)
            latents.append(latent)
        standardised = (torch.cat(latents, dim=1) - self.centre) / self.spread
        return activations, standardised, standardised @ self.rotation


class LiveGraph(nn.Module):
    """Images to embedding, cluster posterior, class probability and novelty."""

    mean: Tensor
    factor: Tensor
    log_normaliser: Tensor

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.latent = _Latent(parts)
        self.head = parts.head if parts.classes else None
        self.novelty = novelty_module(parts.novelty.score)
        self.register_buffer("mean", single(parts.mixture.mean))
        self.register_buffer("factor", single(parts.mixture.precision_factor))
        self.register_buffer("log_normaliser", single(parts.mixture.log_normaliser))

    def forward(self, *images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the four answers for the images of every channel, `(n, ...)` each."""
        _, standardised, embedding = self.latent(images)
        # Centred first: in single precision the expanded quadratic form loses all digits.
        whitened = torch.einsum("nkd,kde->nke", embedding[:, None] - self.mean, self.factor)
        squared = (whitened * whitened).sum(dim=2)
        posterior = torch.softmax(self.log_normaliser - 0.5 * squared, dim=1)
        probability = embedding[:, :0] if self.head is None else torch.softmax(self.head(standardised), dim=1)
        novelty = torch.sqrt(squared.amin(dim=1)) if self.novelty is None else self.novelty(embedding)
        return embedding, posterior, probability, novelty


class ExplainGraph(nn.Module):
    """Images and targets to scores, embedding and the raw Grad-CAM map of each channel's last convolution.

    Grad-CAM (Selvaraju 2017; paper A, Eq. 4 and 5) weighs each channel by the mean over space of the gradient of the
    target's score. Between the activation and the score lie only linear layers and one ReLU, so that the gradient is a
    product of weights, and the mean can be taken on the latent layer's weights once.
    """

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.latent = _Latent(parts)
        self.head = parts.head
        self.sizes = [architecture.latent for architecture in parts.architectures]
        # d standardised / d activation, averaged over space: the latent's spread divides.
        spreads = torch.split(torch.from_numpy(parts.mixture.spread), self.sizes)
        self.mean_weights = nn.ParameterList(
            nn.Parameter(_mean_weight(encoder, spread), requires_grad=False)
            for encoder, spread in zip(parts.model.encoders.values(), spreads, strict=True)
        )

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the answers for the images of every channel, and the map of each.

        Parameters
        ----------
        inputs
            `(n, ...)` images of every channel, then `(n,)` int64 targets, -1 meaning the highest score.
        """
        *images, target = inputs
        activations, standardised, embedding = self.latent(tuple(images))
        hidden = self.head.first(standardised)
        logits = self.head.second(torch.relu(hidden))
        chosen = torch.where(target < 0, logits.argmax(dim=1), target)
        gradient = (self.head.second.weight[chosen] * (hidden > 0).to(hidden.dtype)) @ self.head.first.weight
        maps = []
        for activation, part, mean_weight in zip(
            activations, torch.split(gradient, self.sizes, dim=1), self.mean_weights, strict=True
        ):
            weight = part @ mean_weight
            # The channels of an activation stand before y and x.
            while weight.dim() < activation.dim() - 2:
                weight = weight.unsqueeze(1)
            maps.append(torch.relu((weight[..., None, None] * activation).sum(dim=-3)))
        return logits, embedding, *maps


def _mean_weight(encoder: Encoder, spread: Tensor) -> Tensor:
    """Gradient of the standardised latent by the channels of the last activation, averaged over space, `(d, c)`."""
    weight = encoder.latent.weight.detach().double()
    by_place = weight.view(len(weight), encoder.channels, -1)
    return (by_place.mean(dim=2) / spread.view(-1, 1)).float()
