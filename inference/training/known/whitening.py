"""Concept whitening (Chen, Bei and Rudin, Nature Machine Intelligence 2020): an activation whose axes are concepts.

Instead of normalising each channel by itself, the layer decorrelates all of them and then turns them, so that known
cells of a concept lie along an axis each; see `rotation`.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from inference.training.concept_choices import Whitening

_SHRINKAGE = 1e-5
"""Share of the mean variance that is added to every one, so that few cells and many channels can be whitened."""
_NOTHING = 1e-8
_LEAST = 1e-6
"""The least eigenvalue of a covariance, against the largest."""
_REFERENCE_STEPS = 10
_STABLE_STEPS = 20
_MOMENTUM = 0.05


class ConceptWhitening(nn.Module):
    """Whitens `(n, d, y, x)` activations over cells and places, and turns them; in place of a normalisation.

    In training by the covariance of the batch, through which gradients flow; afterwards by that of many cells, whose
    inverse root is exact.

    Parameters
    ----------
    channels
        d.
    whitening
        How it is done in training.
    """

    running_mean: Tensor
    running_covariance: Tensor
    num_batches_tracked: Tensor
    matrix: Tensor
    rotation: Tensor

    def __init__(self, channels: int, whitening: Whitening = Whitening.STABLE) -> None:
        super().__init__()
        self.whitening = whitening
        self.momentum: float | None = _MOMENTUM
        self.register_buffer("rotation", torch.eye(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_covariance", torch.eye(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))
        self.register_buffer("matrix", torch.eye(channels))

    def forward(self, seen: Tensor) -> Tensor:
        """Return whitened and turned activations, as large as those given."""
        return torch.einsum("ij,njyx->niyx", self.rotation, self.whitened(seen))

    def whitened(self, seen: Tensor) -> Tensor:
        """Return whitened activations that are not turned yet."""
        if not self.training:
            return torch.einsum("ij,njyx->niyx", self.matrix, seen - self.running_mean[:, None, None])
        flat = seen.transpose(0, 1).flatten(1)
        mean = flat.mean(dim=1)
        centred = flat - mean[:, None]
        covariance = centred @ centred.T / flat.shape[1]
        self._remember(mean.detach(), covariance.detach())
        matrix = inverse_root(_shrunk(covariance), self.whitening)
        return (matrix @ centred).reshape(-1, seen.shape[0], *seen.shape[2:]).transpose(0, 1)

    def reset_running_stats(self) -> None:
        """Forget the statistics."""
        self.running_mean.zero_()
        self.running_covariance.zero_().fill_diagonal_(1.0)
        self.num_batches_tracked.zero_()

    def train(self, mode: bool = True) -> Self:
        """Begin to learn; or to answer, by the statistics that were gathered."""
        super().train(mode)
        if not mode:
            self.matrix = exact_inverse_root(_shrunk(self.running_covariance))
        return self

    def _remember(self, mean: Tensor, covariance: Tensor) -> None:
        self.num_batches_tracked += 1
        share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_covariance.lerp_(covariance, share)


def inverse_root(covariance: Tensor, whitening: Whitening) -> Tensor:
    """Return the inverse root of a covariance `(d, d)` by iterations that gradients flow through."""
    identity = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    if whitening is Whitening.REFERENCE:
        size = torch.trace(covariance)
        scaled, root = covariance / size, identity
        for _ in range(_REFERENCE_STEPS):
            root = 1.5 * root - 0.5 * (root @ root @ root) @ scaled
        return root / torch.sqrt(size)
    # No eigenvalue is larger than this norm, and it is less than the trace, so that fewer steps are needed.
    size = torch.linalg.matrix_norm(covariance)
    scaled, root = covariance / size, identity
    for _ in range(_STABLE_STEPS):
        turn = 1.5 * identity - 0.5 * (root @ scaled)
        scaled, root = scaled @ turn, turn @ root
    return root / torch.sqrt(size)


def exact_inverse_root(covariance: Tensor) -> Tensor:
    """Return the inverse root of a covariance `(d, d)` by its eigenvalues, in double precision."""
    values, vectors = torch.linalg.eigh(covariance.double())
    root: Tensor = (vectors / torch.sqrt(values.clamp(min=_LEAST * float(values[-1])))) @ vectors.T
    return root.to(covariance.dtype)


def _shrunk(covariance: Tensor) -> Tensor:
    variance = covariance.diagonal().mean()
    identity = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    return covariance + (_SHRINKAGE * variance + _NOTHING) * identity
