"""Whether maps notice that the model's weights are gone (Adebayo et al. 2018): a map that does not explains nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from inference.engine import Engine
from inference.evaluation.altered_graphs import Depth, shuffled
from inference.evaluation.correlation import mean_of, rank_correlation
from inference.evaluation.explainer import MapsOf, explainer_of
from inference.evaluation.faithfulness import Explained


def shuffled_weights(
    engine: Engine, cells: Explained, seeds: int = 3, maps_of: MapsOf = MapsOf.HEAD
) -> dict[str, dict[str, float | None]]:
    """Correlate maps with those of the same targets by the same graph with its weights shuffled.

    Parameters
    ----------
    seeds
        Shufflings to take the mean of.
    maps_of
        What the cells' maps explain.

    Returns
    -------
    dict[str, dict[str, float | None]]
        By depth and channel, the mean rank correlation; near 0 is good, and None means that every map is even. Empty
        where the graph's layers have other names than Lightline gives.
    """
    found: dict[str, dict[str, float | None]] = {}
    # Clusters are told without the head.
    for depth in (depth for depth in Depth if depth is not Depth.HEAD or maps_of is MapsOf.HEAD):
        rows: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in cells.explanation.maps}
        for seed in range(seeds):
            bundle = shuffled(engine.bundle, depth, seed)
            if bundle is None:
                return {}
            other = explainer_of(Engine(bundle, provider="cpu"), maps_of)
            again = other.explain(cells.images, cells.explanation.target)
            for name, maps in again.maps.items():
                rows[name].append(rank_correlation(cells.explanation.maps[name], maps))
        found[depth.value] = {name: mean_of(np.concatenate(parts)) for name, parts in rows.items()}
    return found
