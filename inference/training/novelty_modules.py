"""The scores of novelty in single precision, ready to be exported."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from inference.errors import TrainingError
from inference.training.doubt import DoubtNovelty
from inference.training.novelty import NEIGHBOURS, MixtureNovelty, NeighbourNovelty, NoveltyScore, SummedNovelty
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


class _Doubt(nn.Module):
    weight: Tensor
    offset: Tensor

    def __init__(self, score: DoubtNovelty) -> None:
        super().__init__()
        self.register_buffer("weight", single(score.weight))
        self.register_buffer("offset", single(score.offset))

    def forward(self, embedding: Tensor) -> Tensor:
        if not len(self.offset):
            return torch.zeros_like(embedding[:, 0])
        return -torch.logsumexp(embedding @ self.weight + self.offset, dim=1)


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


class _Sum(nn.Module):
    def __init__(self, score: SummedNovelty) -> None:
        super().__init__()
        self.first, self.second = _module_of(score.first), _module_of(score.second)
        self.first_spread, self.second_spread = score.first_spread, score.second_spread

    def forward(self, embedding: Tensor) -> Tensor:
        first, second = cast(Tensor, self.first(embedding)), cast(Tensor, self.second(embedding))
        return first / self.first_spread + second / self.second_spread


def novelty_module(score: NoveltyScore) -> nn.Module | None:
    """Return a module of embeddings `(n, d)` to novelty `(n,)`; None for the distance to the mixture.

    That distance the graph has already.
    """
    return None if isinstance(score, MixtureNovelty) else _module_of(score)


def _module_of(score: NoveltyScore) -> nn.Module:
    match score:
        case NeighbourNovelty():
            return _Neighbours(score)
        case RelativeNovelty():
            return _Relative(score)
        case DoubtNovelty():
            return _Doubt(score)
        case SummedNovelty():
            return _Sum(score)
    raise TrainingError(f"There is no graph for the novelty '{score.method}'; use one of inference.training.novelty.")


def single(values: npt.NDArray[np.float64]) -> Tensor:
    """Return values as a tensor in single precision."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
