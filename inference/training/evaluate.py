"""Metrics of a trained model on runs it has not seen, beside the controls that give them meaning."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from inference.conformal import class_sets
from inference.contract import Contract
from inference.engine import Engine
from inference.evaluation.answers import answers_of
from inference.training.calibration import expected_calibration_error, untempered
from inference.training.controls import control_accuracies
from inference.training.coverage import coverage_band
from inference.training.data import TrainingSet
from inference.training.encoder import Encoder
from inference.training.fit import evaluation_errors
from inference.training.graphs import TrainedParts
from inference.training.models import Autoencoders
from inference.training.scores import Integers, balanced_accuracy, cluster_accuracy
from inference.training.split import RunSplit
from inference.training.stacks import Stack, chunks

Metrics = dict[str, dict[str, float]]


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
        learnt = sum(part.sum(dim=0) for part in _prepared(encoder, split.train.images[name])) / len(split.train)
        apart = sum(float(((part - learnt) ** 2).sum()) for part in _prepared(encoder, split.test.images[name]))
        found[name] = apart / split.test.images[name].size
    return found


def _prepared(encoder: Encoder, stack: Stack) -> Iterator[torch.Tensor]:
    for part in chunks(stack):
        yield encoder.preprocess(torch.from_numpy(np.asarray(part, dtype=np.float32))).double()


def choice_metrics(parts: TrainedParts) -> Metrics:
    """Set what was chosen on the training runs beside what was not: number of clusters and score of novelty.

    `bic_above_least` is how much worse the BIC of every number of clusters was, `novelty_auroc` how well every score
    found classes that it was fitted without; see `leave_one_class_out`. Both are empty where there was no choice.
    """
    metrics: Metrics = {}
    bic = parts.mixture.bic
    if len(bic) > 1:
        metrics["bic_above_least"] = {f"clusters: {number}": value - min(bic.values()) for number, value in bic.items()}
    if parts.novelty.auroc:
        metrics["novelty_auroc"] = dict(parts.novelty.auroc)
    return metrics


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
        probability = results.class_probability[known]
        accuracy = balanced_accuracy(truth, probability.argmax(axis=1), classes)
        metrics["class_balanced_accuracy"] = {"model": accuracy, **controls}
        metrics |= calibration_metrics(contract, probability, truth)
    return metrics


def calibration_metrics(contract: Contract, probability: npt.NDArray[np.float32], truth: Integers) -> Metrics:
    """How far probabilities and conformal sets of labelled cells keep what they promise.

    The band about the coverage that is expected holds 99 % of draws of so many cells, here and in the validation run;
    see `coverage_band`. A run that differs from the validation run by more than chance leaves it.
    """
    metrics: Metrics = {}
    if contract.temperature is not None:
        metrics["class_calibration_error"] = {
            "model": expected_calibration_error(probability, truth),
            "before_temperature": expected_calibration_error(untempered(probability, contract.temperature), truth),
        }
    if contract.conformal is None:
        return metrics
    sets = class_sets(probability, contract.conformal.least_probability)
    covered = sets[np.arange(len(truth)), truth]
    judged = np.bincount(truth, minlength=len(contract.classes)).tolist()
    band = coverage_band(contract.conformal.cells, judged, contract.conformal.alpha)
    by_class = {f"of {contract.classes[c]}": float(covered[truth == c].mean()) for c in np.unique(truth)}
    metrics["conformal_coverage"] = {
        "model": float(covered.mean()),
        "expected": band.expected,
        "band_low": band.low,
        "band_high": band.high,
        **by_class,
    }
    sizes = sets.sum(axis=1)
    metrics["conformal_sets"] = {
        "mean_size": float(sizes.mean()),
        "share_of_one": float((sizes == 1).mean()),
        "share_rejected": float((sizes == 0).mean()),
    }
    return metrics


def _labelled(cells: TrainingSet) -> TrainingSet:
    return cells.where(cells.is_labelled)
