"""Grad-CAM the plain way, by autograd: slow, obvious, and what the explain graph is checked against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from inference.training.graphs import TrainedParts


class Scores(torch.nn.Module):
    """The trained network written the plain way: images of every channel, `(n, ...)`, to scores before the softmax."""

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.model, self.head = parts.model, parts.head
        self.centre = torch.from_numpy(parts.mixture.centre.astype(np.float32))
        self.spread = torch.from_numpy(parts.mixture.spread.astype(np.float32))

    def forward(self, *images: torch.Tensor) -> torch.Tensor:
        """Score images, in the order of the model's channels."""
        return self.from_activations(self.activations(images))

    def activations(self, images: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the last convolution of every channel's encoder, `(n, channels, ...)` each."""
        encoders = self.model.encoders.values()
        return [
            encoder.blocks(encoder.preprocess(encoder.pool(image[:, None])))
            for encoder, image in zip(encoders, images, strict=True)
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


def autograd_maps(
    parts: TrainedParts, images: Mapping[str, npt.NDArray[np.float32]], target: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the raw maps of one target per cell, `(n, ...)` by channel: paper A, Eq. 4 and 5, by torch's gradients."""
    scores = Scores(parts)
    names = list(parts.model.encoders)
    inputs = [torch.from_numpy(images[name]) for name in names]
    activations = [part.detach().requires_grad_(True) for part in scores.activations(inputs)]
    chosen = scores.from_activations(activations)[torch.arange(len(target)), torch.from_numpy(target)]
    found = {}
    for name, activation, gradient in zip(
        names, activations, torch.autograd.grad(chosen.sum(), activations), strict=True
    ):
        weight = gradient.mean(dim=tuple(range(2, gradient.dim())), keepdim=True)
        found[name] = torch.relu((weight * activation).sum(dim=1)).detach().numpy()
    return found
