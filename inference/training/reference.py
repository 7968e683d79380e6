"""Grad-CAM the plain way, by autograd: slow, obvious, and what the explain graph is checked against."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from inference.training.graphs import TrainedParts


class Scores(torch.nn.Module):
    """The trained network written the plain way: images `(n, y, x)` to scores `(n, targets)` before the softmax."""

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.model, self.head = parts.model, parts.head
        self.centre = torch.from_numpy(parts.mixture.centre.astype(np.float32))
        self.spread = torch.from_numpy(parts.mixture.spread.astype(np.float32))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Score images."""
        return self.from_activation(self.activation(image))

    def activation(self, image: torch.Tensor) -> torch.Tensor:
        """Return the encoder's last convolution, `(n, channels, rows, columns)`."""
        blocks: torch.Tensor = self.model.encoder.blocks(self.model.preprocess(image[:, None]))
        return blocks

    def from_activation(self, activation: torch.Tensor) -> torch.Tensor:
        """Score from the encoder's last convolution on."""
        latent = self.model.encoder.latent(activation.flatten(1))
        scores: torch.Tensor = self.head((latent - self.centre) / self.spread)
        return scores


def autograd_map(
    parts: TrainedParts, images: npt.NDArray[np.float32], target: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return the raw map of one target per image, `(n, rows, columns)`: paper A, Eq. 4 and 5, by torch's gradients."""
    scores = Scores(parts)
    activation = scores.activation(torch.from_numpy(images)).detach().requires_grad_(True)
    chosen = scores.from_activation(activation)[torch.arange(len(images)), torch.from_numpy(target)]
    gradient = torch.autograd.grad(chosen.sum(), activation)[0]
    weight = gradient.mean(dim=(2, 3), keepdim=True)
    found: npt.NDArray[np.float32] = torch.relu((weight * activation).sum(dim=1)).detach().numpy()
    return found
