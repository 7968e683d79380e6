"""The scores of novelty in single precision, ready to be exported."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from inference.errors import TrainingError
from inference.training.novelty import (
    NEIGHBOURS,
    ApartNovelty,
    DoubtfulNovelty,
    MixtureNovelty,
    NeighbourNovelty,
    NoveltyScore,
)
from inference.training.relative import RelativeNovelty


class _Neighbours(nn.Module):
    bank: Tensor
    middle: Tensor
    length: Tensor

    def __init__(self, score: NeighbourNovelty) -> None:
        super().__init__()
        middle = score.bank.mean(axis=0)
        bank = score.bank - middle
        self.register_buffer("middle", single(middle))
        self.register_buffer("bank", single(bank.T))
        self.register_buffer("length", single((bank**2).sum(axis=1)))

    def forward(self, embedding: Tensor) -> Tensor:
        centred = embedding - self.middle
        # One matrix product instead of all differences; centred, so that what cancels is as small as can be.
        apart = (centred * centred).sum(dim=1, keepdim=True) - 2 * (centred @ self.bank) + self.length
        nearest = torch.topk(apart, NEIGHBOURS, dim=1, largest=False).values[:, -1]
        return torch.sqrt(torch.relu(nearest))


class _Doubtful(nn.Module):
    weight: Tensor
    offset: Tensor

    def __init__(self, score: DoubtfulNovelty) -> None:
        super().__init__()
        self.neighbours = _Neighbours(score.neighbours)
        self.distance_spread, self.doubt_spread = score.distance_spread, score.doubt_spread
        self.register_buffer("weight", single(score.doubt.weight))
        self.register_buffer("offset", single(score.doubt.offset))

    def forward(self, embedding: Tensor) -> Tensor:
        distance = cast(Tensor, self.neighbours(embedding)) / self.distance_spread
        if not len(self.offset):
            return distance
        return distance - torch.logsumexp(embedding @ self.weight + self.offset, dim=1) / self.doubt_spread


class _Relative(nn.Module):
    mean: Tensor
    factor: Tensor
    common_mean: Tensor
    common_factor: Tensor

    def __init__(self, score: RelativeNovelty) -> None:
        super().__init__()
        for name in ("mean", "factor", "common_mean", "common_factor"):
            self.register_buffer(name, single(getattr(score, name)))

    def forward(self, embedding: Tensor) -> Tensor:
        own = ((embedding[:, None] - self.mean) @ self.factor).square().sum(dim=2).amin(dim=1)
        return own - ((embedding - self.common_mean) @ self.common_factor).square().sum(dim=1)


class _Apart(nn.Module):
    def __init__(self, score: ApartNovelty) -> None:
        super().__init__()
        self.neighbours, self.relative = _Neighbours(score.neighbours), _Relative(score.relative)
        self.distance_spread, self.relative_spread = score.distance_spread, score.relative_spread

    def forward(self, embedding: Tensor) -> Tensor:
        distance = cast(Tensor, self.neighbours(embedding)) / self.distance_spread
        return distance + cast(Tensor, self.relative(embedding)) / self.relative_spread


def novelty_module(score: NoveltyScore) -> nn.Module | None:
    """Return a module of embeddings `(n, d)` to novelty `(n,)`; None for the distance to the mixture.

    That distance the graph has already.
    """
    match score:
        case MixtureNovelty():
            return None
        case NeighbourNovelty():
            return _Neighbours(score)
        case RelativeNovelty():
            return _Relative(score)
        case DoubtfulNovelty():
            return _Doubtful(score)
        case ApartNovelty():
            return _Apart(score)
    raise TrainingError(f"There is no graph for the novelty '{score.method}'; use one of inference.training.novelty.")


def single(values: npt.NDArray[np.float64]) -> Tensor:
    """Return values as a tensor in single precision."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
