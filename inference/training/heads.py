"""A class head: two fully connected layers on the frozen encoder's latent (paper A, where it explains clusters)."""

from __future__ import annotations

import copy
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from inference.training.mixture import Mixture

_WEIGHT_DECAY = 1e-3
_LEARNING_RATE = 1e-2
_BATCH = 256


class Head(nn.Module):
    """Standardised latents to scores before the softmax."""

    def __init__(self, latent: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(latent, hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, standardised: Tensor) -> Tensor:
        """Return `(n, outputs)` scores."""
        return cast(Tensor, self.second(torch.relu(self.first(standardised))))

    def tempered(self, temperature: float) -> Head:
        """Return a head whose scores are these divided by a temperature."""
        head = copy.deepcopy(self)
        with torch.no_grad():
            head.second.weight.div_(temperature)
            head.second.bias.div_(temperature)
        return head


def standardise(latent: npt.ArrayLike, mixture: Mixture) -> npt.NDArray[np.float32]:
    """Bring latents to zero mean and unit spread with the mixture's own statistics."""
    return ((np.asarray(latent, dtype=np.float64) - mixture.centre) / mixture.spread).astype(np.float32)


def fit_head(
    standardised: npt.NDArray[np.float32],
    label: npt.NDArray[np.integer],
    outputs: int,
    *,
    hidden: int,
    epochs: int,
    seed: int,
) -> Head:
    """Fit a head by cross-entropy, every class weighing the same however rare it is.

    Parameters
    ----------
    standardised, label
        `(n, d)` latents and `(n,)` classes in 0..outputs-1, all of them known.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = Head(standardised.shape[1], hidden, outputs)
    counts = np.bincount(label, minlength=outputs)
    weight = torch.from_numpy((len(label) / (outputs * np.maximum(counts, 1))).astype(np.float32))
    loss_function = nn.CrossEntropyLoss(weight=weight)
    optimiser = torch.optim.AdamW(head.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=epochs)
    inputs, targets = torch.from_numpy(standardised), torch.from_numpy(label.astype(np.int64))
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(len(inputs), generator=generator)
        for at in range(0, len(order), _BATCH):
            rows = order[at : at + _BATCH]
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss_function(head(inputs[rows]), targets[rows]))
            optimiser.step()
        schedule.step()
    return head.eval()
