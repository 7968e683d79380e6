"""What can be chosen about concepts."""

from __future__ import annotations

from enum import StrEnum


class Whitening(StrEnum):
    """How the inverse root of a covariance is found in training."""

    STABLE = "stable"
    """Coupled Newton-Schulz iterations, which single precision carries to the end."""
    REFERENCE = "reference"
    """Ten IterNorm iterations, as published: what varies little stays too small."""


class ConceptScore(StrEnum):
    """How the map of a concept over a cell becomes one number."""

    MEAN = "mean"
    """The mean over places."""
    MAX = "max"
    """The largest."""
    POSITIVE_MEAN = "pos_mean"
    """The mean of what is above 0."""
    POOLED_MAX = "pool_max"
    """The mean of the maxima of 3 x 3 places, as published."""
