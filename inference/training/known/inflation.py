"""First layers for images of other than three channels, from weights that were learnt on three (paper B)."""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor

from inference.errors import TrainingError

_LEARNT = 3


class Inflation(StrEnum):
    """What is done to kernels, so that they take other than three channels."""

    NONE = "none"
    """Paper B: the first three stay, each other is their mean; the answer to grey grows with the channels."""
    THREE_OF_C = "3/C"
    """The same, times three over the number of channels: the answer to grey stays."""


def inflated(kernels: Tensor, channels: int, inflation: Inflation) -> Tensor:
    """Return kernels `(o, channels, y, x)` from those of three channels, `(o, 3, y, x)`; others must fit already.

    With fewer than three channels, each kernel is the mean of the three.

    Raises
    ------
    TrainingError
        If the kernels are of neither three nor so many channels.
    """
    if kernels.shape[1] == channels:
        return kernels
    if kernels.shape[1] != _LEARNT:
        raise TrainingError(
            f"The weights are of images of {kernels.shape[1]} channels, and these have {channels}; only weights of "
            "three can be made to fit."
        )
    mean = kernels.mean(dim=1, keepdim=True)
    kept = kernels if channels > _LEARNT else mean[:, :0]
    made = torch.cat([kept, mean.expand(-1, channels - kept.shape[1], -1, -1)], dim=1)
    return made * (_LEARNT / channels) if inflation is Inflation.THREE_OF_C else made
