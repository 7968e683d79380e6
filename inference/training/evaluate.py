"""Metrics of a trained model on runs it has not seen, beside the controls that give them meaning."""

from __future__ import annotations

import numpy as np

from inference.engine import Engine
from inference.training.controls import control_accuracies
from inference.training.data import TrainingSet
from inference.training.fit import evaluation_loss
from inference.training.models import Autoencoder
from inference.training.scores import balanced_accuracy, cluster_accuracy
from inference.training.split import RunSplit

Metrics = dict[str, dict[str, float]]


def reconstruction_metrics(model: Autoencoder, split: RunSplit) -> Metrics:
    """Mean squared error per pixel on the test run, in units of the image, beside that of the mean training image."""
    scale = float(model.scale)
    mean_image = split.train.images.mean(axis=0, dtype=np.float64)
    control = float(np.mean((split.test.images - mean_image) ** 2, dtype=np.float64))
    return {
        "reconstruction_mse": {
            "model": evaluation_loss(model, split.test.images) / scale**2,
            "mean_image": control,
        }
    }


def answer_metrics(engine: Engine, split: RunSplit, background: float, seed: int) -> Metrics:
    """Clusters, classes and novelty of the exported bundle on the test run.

    Balanced accuracies are measured on the labelled cells alone, and are left out where there are fewer than two
    classes among them.
    """
    contract = engine.contract
    cells = split.test
    images = cells.images[:, 0]
    results = engine.answer_arrays(np.arange(len(images), dtype=np.uint64), {contract.inputs[0].channel: images})
    shares = np.bincount(results.cluster, minlength=len(contract.clusters)) / len(images)
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
    controls = control_accuracies(_labelled(split.train), _labelled(cells), background, seed)
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
