"""Saliency maps the plain way, by autograd: slow, obvious, and what the explain graph is checked against."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch

from inference.training.graphs import TrainedParts
from inference.training.saliency import Saliency


class Scores(torch.nn.Module):
    """The trained network written the plain way: images of every channel, `(n, ...)`, to scores before the softmax."""

    centre: torch.Tensor
    spread: torch.Tensor

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.model, self.head = parts.model, parts.head
        self.register_buffer("centre", torch.from_numpy(parts.mixture.centre.astype(np.float32)))
        self.register_buffer("spread", torch.from_numpy(parts.mixture.spread.astype(np.float32)))

    def forward(self, *images: torch.Tensor) -> torch.Tensor:
        """Score images, in the order of the model's channels."""
        return self.from_activations(self.activations(images))

    def activations(self, images: Sequence[torch.Tensor], blocks_back: int = 0) -> list[torch.Tensor]:
        """Return an activation of every encoder, `(n, channels, ...)` each: the last one, or one before."""
        seen, activations = iter(images), []
        for encoder in self.model.encoders.values():
            together = torch.stack(list(islice(seen, len(encoder.architecture.channels))), dim=1)
            blocks = encoder.blocks[: len(encoder.blocks) - blocks_back]
            activations.append(blocks(encoder.preprocess(encoder.pool(together))))
        return activations

    def last(self, activations: Sequence[torch.Tensor], blocks_back: int) -> list[torch.Tensor]:
        """Return the last activations from those that lie some blocks before."""
        encoders = self.model.encoders.values()
        return [
            encoder.blocks[len(encoder.blocks) - blocks_back :](part)
            for encoder, part in zip(encoders, activations, strict=True)
        ]

    def from_activations(self, activations: Sequence[torch.Tensor]) -> torch.Tensor:
        """Score from the encoders' last convolutions on."""
        scores: torch.Tensor = self.head(self.standardised(activations))
        return scores

    def standardised(self, activations: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the standardised latents `(n, d)` from the encoders' last convolutions on."""
        encoders = self.model.encoders.values()
        latents = [encoder.latent(part.flatten(1)) for encoder, part in zip(encoders, activations, strict=True)]
        return (torch.cat(latents, dim=1) - self.centre) / self.spread


def plain_answers(parts: TrainedParts, images: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return embeddings `(n, d)` and scores `(n, c)` of the network as it was trained."""
    scores = Scores(parts).eval()
    activations = scores.activations(images)
    rotation = torch.from_numpy(parts.mixture.rotation.astype(np.float32))
    return scores.standardised(activations) @ rotation, scores.from_activations(activations)


def log_odds(logs: torch.Tensor) -> torch.Tensor:
    """Return the log odds `(n, k)` of each against all others, from the logarithms of their shares."""
    others = [[j for j in range(logs.shape[1]) if j != k] for k in range(logs.shape[1])]
    return torch.stack([logs[:, k] - logs[:, rest].logsumexp(dim=1) for k, rest in enumerate(others)], dim=1)


def log_joint(parts: TrainedParts, standardised: torch.Tensor) -> torch.Tensor:
    """Return the logarithm `(n, k)` of every cluster's weight and density, from standardised latents."""
    mixture = parts.mixture
    rotation, mean, factor, log_normaliser = (
        torch.from_numpy(value).to(standardised.dtype)
        for value in (mixture.rotation, mixture.mean, mixture.precision_factor, mixture.log_normaliser)
    )
    whitened = torch.einsum("nkd,kde->nke", (standardised @ rotation)[:, None] - mean, factor)
    return log_normaliser - 0.5 * whitened.square().sum(dim=2)


def autograd_maps(
    parts: TrainedParts,
    images: Mapping[str, npt.NDArray[np.floating]],
    target: npt.NDArray[np.int64],
    *,
    clusters: bool = False,
) -> dict[str, npt.NDArray[np.floating]]:
    """Return the raw maps of one target per cell, `(n, ...)` by channel, by torch's gradients.

    The method is the one of the parts; Grad-CAM is that of paper A, Eq. 4 and 5. The precision is the images' own.

    Parameters
    ----------
    clusters
        Whether targets are clusters, whose log odds are explained, and not the head's scores.
    """
    names, back = list(parts.model.encoders), parts.saliency.blocks_back(parts.architectures)
    inputs = [torch.from_numpy(images[name]) for name in parts.inputs]
    scores = Scores(copy.deepcopy(parts)).to(inputs[0].dtype)
    activations = [part.detach().requires_grad_(True) for part in scores.activations(inputs, back)]
    standardised = scores.standardised(scores.last(activations, back))
    every = log_joint(parts, standardised) if clusters else scores.head(standardised)
    if clusters or parts.saliency is Saliency.HIRES_CAM:
        every = log_odds(every)
    chosen = every[torch.arange(len(target)), torch.from_numpy(target)]
    found = {}
    for name, activation, gradient in zip(
        names, activations, torch.autograd.grad(chosen.sum(), activations), strict=True
    ):
        weight = {
            Saliency.HIRES_CAM: gradient,
            Saliency.GRAD_CAM: gradient.mean(dim=tuple(range(2, gradient.dim())), keepdim=True),
        }[parts.saliency]
        found[name] = torch.relu((weight * activation).sum(dim=1)).detach().numpy()
    return found
