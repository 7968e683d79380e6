"""Metrics of a trained model on runs it has not seen, beside the controls that give them meaning."""

from __future__ import annotations

import numpy as np
import torch

from inference.engine import Engine
from inference.results import CellResults
from inference.training.controls import control_accuracies
from inference.training.data import TrainingSet
from inference.training.fit import evaluation_errors
from inference.training.mixture import Mixture
from inference.training.models import Autoencoders
from inference.training.scores import balanced_accuracy, cluster_accuracy
from inference.training.split import RunSplit

Metrics = dict[str, dict[str, float]]
_BATCH = 64


def reconstruction_metrics(model: Autoencoders, split: RunSplit) -> Metrics:
    """Mean squared error per pixel on the test run, preprocessed, beside that of the mean training image."""
    errors = evaluation_errors(model, split.test)
    controls = mean_image_errors(model, split)
    single = len(errors) == 1
    return {
        "reconstruction_mse" if single else f"reconstruction_mse_{name}": {
            "model": error,
            "mean_image": controls[name],
        }
        for name, error in errors.items()
    }


def mean_image_errors(model: Autoencoders, split: RunSplit) -> dict[str, float]:
    """Mean squared difference of the test cells from the mean training cell, preprocessed, by channel."""
    found = {}
    for name, encoder in model.encoders.items():
        learnt, seen = (
            encoder.preprocess(torch.from_numpy(np.asarray(part.images[name], dtype=np.float32)))
            for part in (split.train, split.test)
        )
        found[name] = float(((seen - learnt.mean(dim=0)) ** 2).mean())
    return found


def mixture_metrics(mixture: Mixture) -> Metrics:
    """How much worse the BIC of every other number of clusters was, where the number was chosen by it."""
    if len(mixture.bic) < 2:
        return {}
    least = min(mixture.bic.values())
    return {"bic_above_least": {f"clusters: {number}": value - least for number, value in mixture.bic.items()}}


def answers_of(engine: Engine, cells: TrainingSet) -> CellResults:
    """Return a bundle's answers for cells, which are given to it as an instrument would."""
    ids = np.arange(len(cells), dtype=np.uint64)
    parts = [
        engine.answer_arrays(ids[at : at + _BATCH], cells.as_given(slice(at, at + _BATCH)))
        for at in range(0, len(cells), _BATCH)
    ]
    return CellResults.concatenate(parts)


def answer_metrics(engine: Engine, split: RunSplit, seed: int) -> Metrics:
    """Clusters, classes and novelty of the exported bundle on the test run.

    Balanced accuracies are measured on the labelled cells alone, and are left out where there are fewer than two
    classes among them.
    """
    contract = engine.contract
    cells = split.test
    results = answers_of(engine, cells)
    shares = np.bincount(results.cluster, minlength=len(contract.clusters)) / len(cells)
    metrics: Metrics = {
        "novel_share": {
            "model": float((results.novelty > contract.novelty.threshold).mean()),
            "expected": contract.novelty.false_reject_rate,
        },
        "cluster_share": {name: float(share) for name, share in zip(contract.clusters, shares, strict=True)},
    }
    known = cells.is_labelled
    classes = len(cells.label_names)
    if len(np.unique(cells.label[known])) < 2:
        return metrics
    truth = cells.label[known]
    controls = control_accuracies(_labelled(split.train), _labelled(cells), seed)
    cluster = results.cluster[known]
    metrics["cluster_balanced_accuracy"] = {
        "model": cluster_accuracy(truth, cluster, classes, len(contract.clusters)),
        **controls,
    }
    if contract.classes:
        predicted = results.class_probability.argmax(axis=1)[known]
        metrics["class_balanced_accuracy"] = {"model": balanced_accuracy(truth, predicted, classes), **controls}
    return metrics


def _labelled(cells: TrainingSet) -> TrainingSet:
    return cells.where(cells.is_labelled)
