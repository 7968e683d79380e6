"""Turning whitened axes towards concepts by steps that stay orthogonal (Wen and Yin, Math. Programming 142, 2013)."""

from __future__ import annotations

import torch
from torch import Tensor

from inference.training.concept_choices import ConceptScore

_FIRST_STEP = 1000.0
_ENOUGH = 1e-4
_FLATTER = 0.9
_MOST_TRIALS = 40


def scores_of(maps: Tensor, score: ConceptScore) -> Tensor:
    """Return `(n, k)` scores of the maps `(n, k, y, x)` of concepts."""
    if score is ConceptScore.MAX:
        return maps.amax(dim=(2, 3))
    if score is ConceptScore.POSITIVE_MEAN:
        above = (maps > 0).to(maps.dtype)
        return (maps * above).sum(dim=(2, 3)) / above.sum(dim=(2, 3)).clamp(min=1.0)
    if score is ConceptScore.POOLED_MAX:
        # The last places of a side that is no multiple of three count as well.
        maps = torch.nn.functional.max_pool2d(maps, 3, stride=3, ceil_mode=True)
    return maps.mean(dim=(2, 3))


def pull(whitened: Tensor, axis: Tensor, score: ConceptScore) -> Tensor:
    """Return the gradient `(d,)`, by the axis `(d,)` of a concept, of the mean score of its cells `(n, d, y, x)`."""
    with torch.enable_grad():
        along = axis.detach().clone().requires_grad_(True)
        maps = torch.einsum("j,njyx->nyx", along, whitened.detach()).unsqueeze(1)
        (gradient,) = torch.autograd.grad(scores_of(maps, score).mean(), along)
    return gradient


def turned(rotation: Tensor, pulls: Tensor, steps: int = 2) -> Tensor:
    """Turn a rotation `(d, d)` so that its first axes give more to the pulls `(k, d)` of concepts.

    Each step goes along a Cayley curve, on which matrices stay orthogonal, as far as Armijo and Wolfe allow.
    """
    at, gain = rotation.double(), torch.zeros_like(rotation, dtype=torch.float64)
    gain[: len(pulls)] = pulls.double()
    for _ in range(steps):
        at = _step(at, gain)
    return at.to(rotation.dtype)


def _step(at: Tensor, gain: Tensor) -> Tensor:
    skew = gain @ at.T - at @ gain.T
    slope = float((gain * (skew @ at)).sum())
    if slope <= 0.0:
        return at
    identity = torch.eye(len(at), dtype=at.dtype, device=at.device)
    before, low, high, length = float((gain * at).sum()), 0.0, float("inf"), _FIRST_STEP
    best, best_value = at, before
    for _ in range(_MOST_TRIALS):
        back = identity - 0.5 * length * skew
        ahead: Tensor = torch.linalg.solve(back, (identity + 0.5 * length * skew) @ at)
        value = float((gain * ahead).sum())
        if value > best_value:
            best, best_value = ahead, value
        if value < before + _ENOUGH * length * slope:
            high = length
        elif float((gain * torch.linalg.solve(back, 0.5 * skew @ (at + ahead))).sum()) > _FLATTER * slope:
            low = length
        else:
            return ahead
        length = 2.0 * low if high == float("inf") else 0.5 * (low + high)
    return best
