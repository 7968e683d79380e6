"""The trained parts as two modules that need no autograd, ready to be exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from inference.targets import ARGMAX_CLUSTER
from inference.training.architecture import Architecture
from inference.training.exported import ExportedEncoder, PlainEncoder, exported
from inference.training.factor_readout import FactorModule, FactorReadout
from inference.training.heads import Head
from inference.training.mixture import Mixture
from inference.training.models import Encoders
from inference.training.novelty import NoveltyChoice
from inference.training.novelty_modules import novelty_module, single
from inference.training.saliency import Saliency

_IMPOSSIBLE = -1e30


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
    saliency
        How the explain graph makes its maps.
    factors
        How factors are read from the latent; None where it has none.
    """

    model: Encoders
    mixture: Mixture
    head: Head
    clusters: tuple[str, ...]
    classes: tuple[str, ...]
    novelty: NoveltyChoice
    temperature: float | None = None
    history: tuple[tuple[float, float], ...] = ()
    saliency: Saliency = Saliency.HIRES_CAM
    factors: FactorReadout | None = None

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """Of every encoder."""
        return tuple(encoder.architecture for encoder in self.model.encoders.values())

    @property
    def concepts(self) -> tuple[str, ...]:
        """Names of the concepts that cells are scored for."""
        axes = [encoder.concepts for encoder in self.model.encoders.values() if encoder.concepts is not None]
        return axes[0].names if axes else ()

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Shape of the images of every channel, in the order that the graphs take them."""
        return {name: architecture.shape for architecture in self.architectures for name in architecture.channels}


class Seen(NamedTuple):
    """What the encoders make of cells: all that both graphs answer from.

    Attributes
    ----------
    activations
        Of every block of every encoder.
    standardised, embedding
        `(n, d)` and `(n, e)`.
    concepts
        `(n, k)`; None where the encoders have none.
    """

    activations: list[list[Tensor]]
    standardised: Tensor
    embedding: Tensor
    concepts: Tensor | None


class _Latent(nn.Module):
    """What is seen in images as the channels give them, `(n, ...)`."""

    centre: Tensor
    spread: Tensor
    rotation: Tensor

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.by_channel = nn.ModuleDict({name: exported(one) for name, one in parts.model.encoders.items()})
        self.sizes = [architecture.latent for architecture in parts.architectures]
        self.together = [len(architecture.channels) for architecture in parts.architectures]
        self.register_buffer("centre", single(parts.mixture.centre))
        self.register_buffer("spread", single(parts.mixture.spread))
        self.register_buffer("rotation", single(parts.mixture.rotation))

    @property
    def encoders(self) -> list[ExportedEncoder]:
        return [cast(ExportedEncoder, encoder) for encoder in self.by_channel.values()]

    def forward(self, images: tuple[Tensor, ...]) -> Seen:
        activations, latents, after, concepts = [], [], 0, None
        for encoder, count in zip(self.encoders, self.together, strict=True):
            seen = images[after : after + count]
            after += count
            together = torch.stack(seen, dim=1) if count > 1 else seen[0].unsqueeze(1)
            if isinstance(encoder, PlainEncoder):
                every, latent, concepts = encoder.with_concepts(together)
            else:
                every, latent = encoder(together)
            activations.append(every)
            latents.append(latent)
        standardised = (torch.cat(latents, dim=1) - self.centre) / self.spread
        return Seen(activations, standardised, standardised @ self.rotation, concepts)

    def gradients(self, by_standardised: Tensor, activations: Sequence[list[Tensor]], blocks: int) -> list[Tensor]:
        """Return a score's gradient by an activation of each channel, from that by the standardised latent."""
        parts = torch.split(by_standardised / self.spread, self.sizes, dim=1)
        return [
            encoder.gradients(part, every, blocks)
            for encoder, part, every in zip(self.encoders, parts, activations, strict=True)
        ]


class Clusters(nn.Module):
    """Embeddings to what the mixture says of them."""

    mean: Tensor
    factor: Tensor
    log_normaliser: Tensor

    def __init__(self, mixture: Mixture) -> None:
        super().__init__()
        self.register_buffer("mean", single(mixture.mean))
        self.register_buffer("factor", single(mixture.precision_factor))
        self.register_buffer("log_normaliser", single(mixture.log_normaliser))

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return whitened differences `(n, k, d)`, their squared lengths and the logs of the joint density `(n, k)`."""
        # Centred first: in single precision the expanded quadratic form loses all digits.
        whitened = torch.einsum("nkd,kde->nke", embedding[:, None] - self.mean, self.factor)
        squared = (whitened * whitened).sum(dim=2)
        return whitened, squared, self.log_normaliser - 0.5 * squared

    def gradient(self, whitened: Tensor, log_joint: Tensor, cluster: Tensor) -> Tensor:
        """Return the gradient by the embedding of the log odds of one cluster per cell, `(n, d)`.

        A single cluster has no odds; the log of its density is taken.
        """
        pull = -torch.einsum("nke,kde->nkd", whitened, self.factor)
        return (_log_odds_gradient(log_joint, cluster).unsqueeze(2) * pull).sum(dim=1)


def _log_odds_gradient(logs: Tensor, chosen: Tensor) -> Tensor:
    """Return the gradient by logarithms of shares, `(n, k)`, of the log odds of one of them per cell, `(n,)`.

    That of the log probability is the same, times 1 - probability, which single precision rounds to nothing where a
    probability is almost 1, as most posteriors are.
    """
    own = torch.arange(logs.shape[1]) == chosen[:, None]
    others = torch.softmax(torch.where(own, torch.full_like(logs, _IMPOSSIBLE), logs), dim=1)
    return torch.where(own, torch.ones_like(others), -others)


class LiveGraph(nn.Module):
    """Images to embedding, cluster posterior, class probability, novelty; factors and concepts where there are any."""

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.latent = _Latent(parts)
        self.clusters = Clusters(parts.mixture)
        self.head = parts.head if parts.classes else None
        self.novelty = novelty_module(parts.novelty.score)
        self.factors = None if parts.factors is None else FactorModule(parts.factors)

    def forward(self, *images: Tensor) -> tuple[Tensor, ...]:
        """Return the answers for the images of every channel, `(n, ...)` each."""
        return self.answers(self.latent(images))

    def answers(self, seen: Seen) -> tuple[Tensor, ...]:
        """Return the answers of what is seen."""
        embedding = seen.embedding
        _, squared, log_joint = self.clusters(embedding)
        posterior = torch.softmax(log_joint, dim=1)
        probability = embedding[:, :0] if self.head is None else torch.softmax(self.head(seen.standardised), dim=1)
        novelty = torch.sqrt(squared.amin(dim=1)) if self.novelty is None else self.novelty(embedding)
        factors = () if self.factors is None else (self.factors(seen.standardised),)
        concepts = () if seen.concepts is None else (seen.concepts,)
        return embedding, posterior, probability, novelty, *factors, *concepts


class ExplainGraph(nn.Module):
    """Images and targets to scores, embedding, posterior and the raw map over the first channel of each encoder.

    A target is one of the head's scores, or a cluster itself by the log of its odds, without any head. A map is an
    activation times the target's gradient by it, or what `Saliency` makes of that, summed over channels, where above 0.
    """

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.latent = _Latent(parts)
        self.clusters = Clusters(parts.mixture)
        self.head = parts.head
        self.saliency = parts.saliency
        self.blocks = parts.saliency.blocks_back(parts.architectures)
        self.scores = self.head.second.out_features

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the answers for the images of every channel, and the map of each.

        Parameters
        ----------
        inputs
            `(n, ...)` images of every channel, then `(n,)` int64 targets: the head's scores, then the clusters; -1
            means the highest score, -2 the most likely cluster.
        """
        *images, target = inputs
        return self.maps(self.latent(tuple(images)), target)

    def maps(self, seen: Seen, target: Tensor) -> tuple[Tensor, ...]:
        """Return the same of what is seen."""
        activations, standardised, embedding, _ = seen
        hidden = self.head.first(standardised)
        logits = self.head.second(torch.relu(hidden))
        whitened, _, log_joint = self.clusters(embedding)

        score = torch.where(target < 0, logits.argmax(dim=1), target).clamp(max=self.scores - 1)
        alone = torch.nn.functional.one_hot(score, self.scores).to(logits.dtype)
        by_logits = alone if self.saliency is Saliency.GRAD_CAM else _log_odds_gradient(logits, score)
        by_hidden = (by_logits @ self.head.second.weight) * (hidden > 0).to(hidden.dtype)
        by_score = by_hidden @ self.head.first.weight
        cluster = torch.where(target < 0, log_joint.argmax(dim=1), target - self.scores).clamp(min=0)
        by_embedding = self.clusters.gradient(whitened, log_joint, cluster)
        # As a linear layer, so that the graph holds the rotation once.
        by_cluster = nn.functional.linear(by_embedding, self.latent.rotation)
        of_cluster = (target >= self.scores) | (target == ARGMAX_CLUSTER)
        gradient = torch.where(of_cluster[:, None], by_cluster, by_score)

        maps = [
            torch.relu((self._weights(by_place) * every[-1 - self.blocks]).sum(dim=-3))
            for by_place, every in zip(
                self.latent.gradients(gradient, activations, self.blocks), activations, strict=True
            )
        ]
        return logits, embedding, torch.softmax(log_joint, dim=1), *maps

    def _weights(self, gradient: Tensor) -> Tensor:
        if self.saliency is Saliency.HIRES_CAM:
            return gradient
        # The channels of an activation stand before y and x, and z before them.
        space = (1, 3, 4) if gradient.dim() == 5 else (2, 3)
        return gradient.mean(dim=space, keepdim=True)
