"""A bundle from a training set, in one call: encoder, mixture and class head (paper A, and what it leads to)."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from inference.bundle import Bundle
from inference.engine import Engine
from inference.evaluation.answers import answers_of
from inference.report import describe
from inference.training.calibration import LEAST_CELLS, fit_temperature
from inference.training.concept_scores import concept_metrics, concept_specs
from inference.training.data import TrainingSet
from inference.training.evaluate import answer_metrics, choice_metrics, reconstruction_metrics
from inference.training.export import OPSET, export_graphs, verify_export
from inference.training.factor_readout import FactorReadout
from inference.training.factor_scores import factor_metrics, factor_specs
from inference.training.fit import encode, fit_encoders
from inference.training.graphs import TrainedParts
from inference.training.heads import Head, fit_head, standardise
from inference.training.known.blocks import weights_of
from inference.training.known.weights_file import write_weights
from inference.training.mixture import Mixture, fit_best_mixture, fit_mixture
from inference.training.models import Autoencoders, Encoders
from inference.training.novelty import choose_novelty
from inference.training.options import Learning, TrainingOptions
from inference.training.split import RunSplit, split_by_run
from inference.training.thresholds import thresholds, unset_novelty

_VERIFIED_CELLS = 7
_KINDS = {
    Learning.RECONSTRUCTION: "dcae",
    Learning.CONTRAST: "contrastive",
    Learning.LABELS: "classifier",
    Learning.VARIATION: "vae",
    Learning.FACTORS: "factors",
}
_LIBRARIES = ("numpy", "onnx", "onnxruntime-gpu", "onnxruntime", "scikit-learn", "torch")


def train_bundle(cells: TrainingSet, options: TrainingOptions | None = None) -> Bundle:
    """Train, export and measure a bundle; prints the metrics beside their controls, and the command.

    Parameters
    ----------
    cells
        Images of one or two channels and at least two runs, with labels or without.
    options
        None takes the defaults.

    Returns
    -------
    Bundle
        Not saved yet.

    Raises
    ------
    TrainingError
        If the cells do not suffice, or the checkpoint folder belongs to another training.
    KeyboardInterrupt
        If the user stops it; with a checkpoint folder, the same call goes on where it was.
    """
    options = options or TrainingOptions()
    split = split_by_run(cells, options)
    parts = train_parts(split, options)
    graphs = export_graphs(parts)
    fields = _contract(parts, cells, split, options)
    concepts = concept_metrics(parts, split.test)
    fields |= {"concepts": concept_specs(parts, concepts)}
    draft = Bundle.build(fields, *graphs)
    verify_export(draft, parts, split.test.as_given(slice(_VERIFIED_CELLS)))
    answers = answers_of(Engine(draft, provider="cpu"), split.validation)
    fields |= thresholds(answers, split.validation, parts.novelty.score.method, options)
    metrics = reconstruction_metrics(parts.model, split) if isinstance(parts.model, Autoencoders) else {}
    measured = Engine(Bundle.build(fields, *graphs), provider="cpu")
    metrics |= factor_metrics(parts, split) | concepts
    metrics |= choice_metrics(parts) | answer_metrics(measured, split, options.seed)
    bundle = Bundle.build({**fields, "metrics": metrics}, *graphs)
    print(describe(bundle.contract))
    return bundle


def train_parts(split: RunSplit, options: TrainingOptions) -> TrainedParts:
    """Train the encoder, then fit clusters and class head on it, frozen; the same for the same seed."""
    fitted = fit_encoders(split.train, split.validation, options)
    model = fitted.model
    if options.keep_weights is not None:
        encoder = next(iter(model.encoders.values()))
        write_weights(options.keep_weights, weights_of(encoder.architecture.network, encoder.blocks))
    latent = encode(model, split.train)
    mixture = _mixture(latent, options)
    temperature = None
    known = split.train.is_labelled
    classes = split.train.label_names if len(np.unique(split.train.label[known])) > 1 else ()
    if classes:
        head = _head(latent[known], split.train.label[known], len(classes), mixture, options)
        temperature = _temperature(head, model, mixture, split.validation)
        head = head if temperature is None else head.tempered(temperature)
    else:
        head = _head(latent, mixture.cluster(mixture.embed(latent)), mixture.clusters, mixture, options)
    return TrainedParts(
        model=model,
        mixture=mixture,
        head=head,
        clusters=tuple(f"cluster {i}" for i in range(mixture.clusters)),
        classes=classes,
        novelty=choose_novelty(mixture.embed(latent), split.train.label, mixture, options.seed),
        temperature=temperature,
        history=fitted.history,
        saliency=options.saliency,
        factors=_readout(standardise(latent, mixture), split.train, options),
    )


def _readout(
    standardised: npt.NDArray[np.float32], cells: TrainingSet, options: TrainingOptions
) -> FactorReadout | None:
    return FactorReadout.fit(standardised, cells.factors) if options.learning is Learning.FACTORS else None


def _mixture(latent: npt.NDArray[np.float32], options: TrainingOptions) -> Mixture:
    if options.clusters is None:
        return fit_best_mixture(latent, options.most_clusters, options.seed, options.covariance, options.axes)
    return fit_mixture(latent, options.clusters, options.seed, options.covariance, options.axes)


def _head(
    latent: npt.NDArray[np.float32],
    label: npt.NDArray[Any],
    outputs: int,
    mixture: Mixture,
    options: TrainingOptions,
) -> Head:
    return fit_head(
        standardise(latent, mixture),
        label,
        outputs,
        hidden=options.hidden,
        epochs=options.head_epochs,
        seed=options.seed,
    )


def _temperature(head: Head, model: Encoders, mixture: Mixture, validation: TrainingSet) -> float | None:
    """Return the temperature of a class head, None where too few labelled cells are held out to find it."""
    labelled = validation.where(validation.is_labelled)
    if len(labelled) < LEAST_CELLS:
        return None
    with torch.inference_mode():
        logits = head(torch.from_numpy(standardise(encode(model, labelled), mixture))).numpy()
    return fit_temperature(logits, labelled.label)


def _contract(parts: TrainedParts, cells: TrainingSet, split: RunSplit, options: TrainingOptions) -> dict[str, Any]:
    """Everything that the contract says, except the thresholds and the metrics."""
    architectures = parts.architectures
    back = parts.saliency.blocks_back(architectures)
    return {
        "name": options.name,
        "model": kind_of(cells, options.learning),
        "command": options.command,
        "instrument_kind": cells.instrument_kind,
        "inputs": [
            {"channel": name, "shape": shape, "pixel_um": cells.pixel_um} for name, shape in parts.inputs.items()
        ],
        "preprocessing": "; ".join(architecture.preprocessing for architecture in architectures),
        "embedding_size": parts.mixture.rotation.shape[1],
        "factors": factor_specs(parts, split.test),
        "clusters": parts.clusters,
        "classes": parts.classes,
        "mixture": {"covariance": parts.mixture.covariance, "condition": parts.mixture.condition},
        "temperature": parts.temperature,
        "novelty": unset_novelty(parts.novelty.score.method),
        "saliency": [
            {
                "channel": architecture.channel,
                "layer": f"block {len(architecture.widths) - back} of the encoder",
                "method": parts.saliency.value,
                "of": parts.saliency.of,
                "shape": architecture.activation_shape(back),
                "targets": "classes" if parts.classes else "clusters",
                "clusters": True,
            }
            for architecture in architectures
        ],
        "training": {
            "sources": split.train.run_names,
            "validation_sources": split.validation.run_names,
            "test_sources": split.test.run_names,
            "cells": len(split.train),
            "seeds": (options.seed,),
            "origin": cells.origin,
            "losses": parts.history,
            "held_out_by": cells.held_out_by,
        },
        "metrics": {},
        "opset": OPSET,
        "software": _software(),
    }


def kind_of(cells: TrainingSet, learning: Learning) -> str:
    """Return the kind of model that is made of these cells, such as `dcae2d` or `contrastive_fused`."""
    name = _KINDS[learning]
    flat = {stack.ndim == 3 for stack in cells.images.values()}
    if len(flat) > 1:
        return f"{name}_fused"
    return f"{name}2d" if flat == {True} else f"{name}3d"


def _software() -> dict[str, str]:
    found = {"python": platform.python_version(), "lightline": version("lightline")}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except ModuleNotFoundError:
            continue
    return found
