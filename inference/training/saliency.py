"""How saliency maps are made."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from inference.training.architecture import Architecture


class Saliency(StrEnum):
    """A way to make maps of an activation and the gradient of a score by it."""

    HIRES_CAM = "hires_cam"
    """The activation times the gradient of the log odds, place by place (Draelos and Carin, arXiv 2011.08891)."""
    GRAD_CAM = "grad_cam"
    """The last activation times the mean over space of the gradient of the score before the softmax: paper A."""

    @property
    def of(self) -> str:
        """What the gradient is of, in the contract's words."""
        return "score" if self is Saliency.GRAD_CAM else "log_odds"

    def blocks_back(self, architectures: Sequence[Architecture]) -> int:
        """Return how many blocks before the last one the activation lies, in every encoder of a model."""
        if self is Saliency.GRAD_CAM:
            return 0
        return min(_FINER, *(architecture.blocks_that_can_be_walked_back for architecture in architectures))


# The block before has twice as many places along each axis.
_FINER = 1
