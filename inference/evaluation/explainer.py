"""What maps are measured of: what the head of a bundle tells, or the clusters of its mixture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from inference.engine import Engine, Explanation
from inference.targets import ARGMAX


class MapsOf(StrEnum):
    """What a map speaks for."""

    HEAD = "head"
    """What the head tells: the classes, or the clusters where there are none."""
    CLUSTERS = "clusters"
    """The mixture's own clusters, without a head."""


class Explainer(Protocol):
    """Gives maps, and scores whose softmax is the probability of what they explain."""

    def explain(self, arrays: Mapping[str, npt.ArrayLike], target: npt.ArrayLike | int = ARGMAX) -> Explanation:
        """Explain one target per cell, as `Engine.explain` does."""


@dataclass(frozen=True)
class ClusterExplainer:
    """An engine asked for its clusters; its scores are the logs of their posterior."""

    engine: Engine

    def explain(self, arrays: Mapping[str, npt.ArrayLike], target: npt.ArrayLike | int = ARGMAX) -> Explanation:
        """Explain one cluster per cell.

        Raises
        ------
        AnswerError
            As `Engine.explain_cluster` does.
        """
        found = self.engine.explain_cluster(arrays, target)
        ids = np.arange(len(found), dtype=np.uint64)
        posterior = self.engine.answer_arrays(ids, arrays).cluster_posterior
        return replace(found, class_logits=np.log(np.maximum(posterior, np.finfo(np.float32).tiny)))


def explainer_of(engine: Engine, maps_of: MapsOf) -> Explainer:
    """Return what gives the maps."""
    return ClusterExplainer(engine) if maps_of is MapsOf.CLUSTERS else engine


def targets_of(engine: Engine, maps_of: MapsOf) -> tuple[str, ...]:
    """Return the names of what the maps explain."""
    return engine.contract.clusters if maps_of is MapsOf.CLUSTERS else engine.contract.targets
