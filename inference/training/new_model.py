"""The encoders that a training begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch

from inference.errors import TrainingError
from inference.training.architecture import KNOWN_WIDTHS, PAPER_C_EDGE, PAPER_C_WIDTHS, Architecture, Contrast
from inference.training.batches import in_order
from inference.training.concepts import ConceptEncoders
from inference.training.data import TrainingSet
from inference.training.encoder import prepared
from inference.training.known.blocks import load_weights
from inference.training.known.weights_file import read_weights
from inference.training.models import Autoencoders, ContrastiveEncoders, Encoders, LabelledEncoders
from inference.training.options import Learning, TrainingOptions
from inference.training.stacks import Stack
from inference.training.variational import VariationalAutoencoders

_Labelled = TypeVar("_Labelled", bound=LabelledEncoders)

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_SPREAD = (0.229, 0.224, 0.225)


def new_model(train: TrainingSet, options: TrainingOptions) -> Encoders:
    """Return the encoders of every channel, with what they need to learn.

    Raises
    ------
    TrainingError
        If images and options do not fit each other, or there is nothing in the images.
    """
    architectures = [_architecture(train, names, options) for names in _looked_at_together(train, options)]
    if options.learning in (Learning.VARIATION, Learning.FACTORS):
        factors = len(train.factors) if options.learning is Learning.FACTORS else 0
        return VariationalAutoencoders(
            architectures, options.seed, options.beta, factors, options.label_weight, averaging=options.averaging
        )
    if options.learning is Learning.CONTRAST:
        return ContrastiveEncoders(
            architectures,
            options.seed,
            looks=options.looks,
            temperature=options.temperature,
            projected=options.projected,
        )
    if options.learning is Learning.LABELS:
        counts = np.bincount(train.label, minlength=len(train.label_names))
        weight = torch.from_numpy(len(train) / (np.count_nonzero(counts) * np.maximum(counts, 1))).float()
        if not options.concepts:
            return _with_weights(LabelledEncoders(architectures, options.seed, weight, options.looks), options)
        model = ConceptEncoders(architectures, options.seed, weight, options.looks)
        # The weights of a file are those of a normalisation, which the whitening takes the place of.
        _with_weights(model, options).whiten(
            options.concepts, options.concept_layer, options.concept_score, options.whitening
        )
        model.concept_weight = options.concept_weight
        return model
    weights = (options.first_weight, 1.0 - options.first_weight) if len(architectures) > 1 else (1.0,)
    return Autoencoders(architectures, weights, options.seed)


def _with_weights(model: _Labelled, options: TrainingOptions) -> _Labelled:
    """Return a model whose known network begins with the weights of a file, if one is named."""
    if options.weights is None:
        return model
    weights = read_weights(options.weights)
    for encoder in model.encoders.values():
        channels = len(encoder.architecture.channels)
        load_weights(encoder.architecture.network, encoder.blocks, weights, channels, options.inflation)
    return model


def _looked_at_together(train: TrainingSet, options: TrainingOptions) -> list[tuple[str, ...]]:
    """Return the channels of each encoder; a known network looks at all of them at once, and others where asked to."""
    together = options.together or options.network.is_known
    return [train.channels] if together else [(name,) for name in train.channels]


def _architecture(train: TrainingSet, channels: tuple[str, ...], options: TrainingOptions) -> Architecture:
    """Choose the encoder of some channels; its scale is that of the contrast of the training cells."""
    channel, *beside = channels
    images, pool, flat = train.images[channel], train.pool[channel], train.images[channel].ndim == 3
    if any(train.images[name].shape != images.shape or train.pool[name] != pool for name in beside):
        raise TrainingError("Channels that are looked at together must have images of the same size; choose others.")
    network = options.network
    architecture = Architecture(
        channel=channel,
        shape=tuple(size * pool for size in images.shape[1:]),
        pool=pool,
        widths=_widths(options, flat=flat),
        latent=options.latent,
        # Light that is told in counts is nothing where nothing is, and its noise grows with it.
        background=1.0 if flat else 0.0,
        scale=1.0,
        root=not flat,
        network=network,
        edge=PAPER_C_EDGE if network.is_of_paper_c else options.edge,
        by_mean=network.is_of_paper_c,
        beside=tuple(beside),
        dense=options.dense,
    )
    contrasts = [_contrast(architecture, train.images[name]) for name in channels]
    for name, contrast in zip(channels, contrasts, strict=True):
        if not contrast > 0:
            raise TrainingError(f"The training images of '{name}' are all empty background; there is nothing to learn.")
    if not network.is_known and not beside:
        return replace(architecture, scale=1.0 / contrasts[0])
    if not network.is_known or options.contrast is Contrast.OWN:
        return replace(architecture, gains=tuple(1.0 / contrast for contrast in contrasts))
    if options.contrast is Contrast.UNIT:
        return replace(architecture, gains=(1.0,) * len(channels), lifts=(1.0,) * len(channels))
    means, spreads = (_of_colours(values, len(channels)) for values in (_IMAGENET_MEAN, _IMAGENET_SPREAD))
    lifts = tuple((1.0 - mean) / spread for mean, spread in zip(means, spreads, strict=True))
    return replace(architecture, gains=tuple(1.0 / spread for spread in spreads), lifts=lifts)


def _widths(options: TrainingOptions, *, flat: bool) -> tuple[int, ...]:
    if options.network.is_known:
        return KNOWN_WIDTHS[options.network]
    if options.network.is_of_paper_c:
        return PAPER_C_WIDTHS
    return options.widths if flat else options.volume_widths


def _of_colours(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Return a value for each channel: those of red, green and blue, and the mean of them where there is another."""
    mean = sum(values) / len(values)
    kept = values if channels >= len(values) else ()
    return kept + (mean,) * (channels - len(kept))


def _contrast(architecture: Architecture, images: Stack) -> float:
    """Root mean square of the preprocessed images of a channel."""
    total, pixels = 0.0, 0
    background, scale = torch.tensor(architecture.background), torch.tensor(architecture.scale)
    for rows in in_order(len(images)):
        pooled = torch.from_numpy(images[rows].astype(np.float64)).unsqueeze(1)
        light = prepared(architecture, pooled, background, scale)
        total, pixels = total + float(light.square().sum()), pixels + light.numel()
    return float(np.sqrt(total / pixels))
