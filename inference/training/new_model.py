"""The encoders that a training begins with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from inference.errors import TrainingError
from inference.training.architecture import PAPER_C_EDGE, PAPER_C_WIDTHS, Architecture
from inference.training.batches import in_order
from inference.training.data import TrainingSet
from inference.training.encoder import Encoder
from inference.training.models import Autoencoders, ContrastiveEncoders, Encoders, LabelledEncoders
from inference.training.options import Learning, TrainingOptions
from inference.training.stacks import Stack
from inference.training.variational import VariationalAutoencoders


def new_model(train: TrainingSet, options: TrainingOptions) -> Encoders:
    """Return the encoders of every channel, with what they need to learn.

    Raises
    ------
    TrainingError
        If images and options do not fit each other, or there is nothing in the images.
    """
    architectures = [_architecture(train, name, options) for name in train.channels]
    if options.learning in (Learning.VARIATION, Learning.FACTORS):
        factors = len(train.factors) if options.learning is Learning.FACTORS else 0
        return VariationalAutoencoders(architectures, options.seed, options.beta, factors, options.label_weight)
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
        weight = len(train) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return LabelledEncoders(architectures, options.seed, torch.from_numpy(weight).float(), options.looks)
    weights = (options.first_weight, 1.0 - options.first_weight) if len(architectures) > 1 else (1.0,)
    return Autoencoders(architectures, weights, options.seed)


def _architecture(train: TrainingSet, channel: str, options: TrainingOptions) -> Architecture:
    """Choose the encoder of a channel; its scale is that of the contrast of the training cells."""
    images, pool, flat = train.images[channel], train.pool[channel], train.images[channel].ndim == 3
    of_paper_c = options.network.is_of_paper_c
    widths = options.widths if flat else options.volume_widths
    architecture = Architecture(
        channel=channel,
        shape=tuple(size * pool for size in images.shape[1:]),
        pool=pool,
        widths=PAPER_C_WIDTHS if of_paper_c else widths,
        latent=options.latent,
        # Light that is told in counts is nothing where nothing is, and its noise grows with it.
        background=1.0 if flat else 0.0,
        scale=1.0,
        root=not flat,
        network=options.network,
        edge=PAPER_C_EDGE if of_paper_c else None,
        by_mean=of_paper_c,
    )
    contrast = _contrast(architecture, images)
    if not contrast > 0:
        raise TrainingError(f"The training images of '{channel}' are all empty background; there is nothing to learn.")
    return replace(architecture, scale=1.0 / contrast)


def _contrast(architecture: Architecture, images: Stack) -> float:
    """Root mean square of the preprocessed images of a channel."""
    preprocess, total, pixels = Encoder(architecture).preprocess, 0.0, 0
    for rows in in_order(len(images)):
        light = preprocess(torch.from_numpy(images[rows].astype(np.float64)).unsqueeze(1))
        total, pixels = total + float(light.square().sum()), pixels + light.numel()
    return float(np.sqrt(total / pixels))
