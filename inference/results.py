"""A batch of answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CellResults:
    """What a bundle's live graph answers for a batch of `n` cells.

    Attributes
    ----------
    event_id
        `(n,)` uint64.
    embedding
        `(n, d)` float32, latent axes ordered by variance, so that the first two make the best plain scatter.
    cluster_posterior
        `(n, k)` float32, mixture responsibilities. These saturate and are not calibrated probabilities.
    class_probability
        `(n, c)` float32 from the class head; c is 0 where the bundle has none.
    novelty
        `(n,)` float32, larger is less like the training data; the contract holds the threshold.
    factors
        `(n, f)` float32, each in its own unit, in the order of the contract; None where the bundle has none.
    concepts
        `(n, k)` float32, scores in units of spread, likewise.
    mixture
        `(n,)` int32, which mixture of the run gave the posterior, 0 for the bundle's own; None where clusters are
        frozen.
    """

    event_id: npt.NDArray[np.uint64]
    embedding: Floats
    cluster_posterior: Floats
    class_probability: Floats
    novelty: Floats
    factors: Floats | None = None
    concepts: Floats | None = None
    mixture: npt.NDArray[Any] | None = None

    def __len__(self) -> int:
        return int(self.event_id.shape[0])

    @property
    def cluster(self) -> npt.NDArray[np.int32]:
        """`(n,)` most likely cluster."""
        return np.asarray(self.cluster_posterior.argmax(axis=1), dtype=np.int32)

    @property
    def named(self) -> dict[str, Floats]:
        """What only some bundles answer, by its name: `factors`, `concepts`."""
        told = {"factors": self.factors, "concepts": self.concepts}
        return {name: values for name, values in told.items() if values is not None}

    @classmethod
    def concatenate(cls, batches: Sequence[CellResults]) -> CellResults:
        """Join batches answered by one bundle, in order; there must be at least one."""
        mixtures = [b.mixture for b in batches if b.mixture is not None]
        factors = [b.factors for b in batches if b.factors is not None]
        concepts = [b.concepts for b in batches if b.concepts is not None]
        return cls(
            event_id=np.concatenate([b.event_id for b in batches]),
            embedding=np.concatenate([b.embedding for b in batches]),
            cluster_posterior=np.concatenate([b.cluster_posterior for b in batches]),
            class_probability=np.concatenate([b.class_probability for b in batches]),
            novelty=np.concatenate([b.novelty for b in batches]),
            mixture=np.concatenate(mixtures) if mixtures else None,
            factors=np.concatenate(factors) if factors else None,
            concepts=np.concatenate(concepts) if concepts else None,
        )
