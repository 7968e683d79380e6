"""How well the axes of concepts tell cells that have them from cells that do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from inference.training.concepts import ConceptEncoders
from inference.training.data import TrainingSet
from inference.training.evaluate import Metrics
from inference.training.fit import encode_by
from inference.training.graphs import TrainedParts
from inference.training.known.rotation import scores_of

_RANDOM = 50


def concept_metrics(parts: TrainedParts, test: TrainingSet) -> Metrics:
    """Area under the curve of every concept on the test runs, where it is known, beside its controls.

    `random_direction` is the mean of 50 directions drawn at random in the same layer, each taken the way round that
    does better, which flatters it; `other_axes` is the best of the axes of the other concepts, likewise.
    """
    model = parts.model
    return concept_curves(model, test) if isinstance(model, ConceptEncoders) else {}


def concept_curves(model: ConceptEncoders, test: TrainingSet) -> Metrics:
    """Return the same of a model."""
    found = encode_by(model.concept_scores, model, test)
    chance = encode_by(lambda prepared: _random_scores(model, prepared), model, test)
    metrics: Metrics = {}
    for place, name in enumerate(model.axes.names):
        told = curve(found[:, place], name, test)
        if told is None:
            continue
        metrics[f"concept_auroc_{name}"] = {
            "model": told,
            "random_direction": float(np.mean([_either(column, name, test) for column in chance.T])),
            "best_of_50_random": max(_either(column, name, test) for column in chance.T),
        }
        others = [_either(column, name, test) for column in np.delete(found, place, axis=1).T]
        if others:
            metrics[f"concept_auroc_{name}"]["other_axes"] = max(others)
    return metrics


def curve(scores: npt.NDArray[Any], name: str, cells: TrainingSet) -> float | None:
    """Return the area under the curve of scores `(n,)` for a concept, None where all known cells have it or none."""
    values = cells.factors.get(name, np.full(len(cells), np.nan))
    known = np.isfinite(values)
    has = values[known] == 1.0
    return float(roc_auc_score(has, scores[known])) if has.any() and not has.all() else None


def concept_specs(parts: TrainedParts, metrics: Metrics) -> list[dict[str, Any]]:
    """Return what the contract says of every concept."""
    return [{"name": name, "auroc": metrics.get(f"concept_auroc_{name}", {}).get("model")} for name in parts.concepts]


def _random_scores(model: ConceptEncoders, prepared: dict[str, Tensor]) -> Tensor:
    """Return `(n, 50)` scores of random directions of the layer."""
    maps = model.concept_maps(prepared)
    axes = torch.randn(_RANDOM, maps.shape[1], generator=torch.Generator().manual_seed(0)).to(maps)
    axes = axes / axes.norm(dim=1, keepdim=True)
    return scores_of(torch.einsum("kd,ndyx->nkyx", axes, maps), model.axes.score)


def _either(scores: npt.NDArray[Any], name: str, cells: TrainingSet) -> float:
    told = curve(scores, name, cells) or 0.5
    return max(told, 1.0 - told)
