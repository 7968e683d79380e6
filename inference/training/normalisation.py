"""Statistics of the encoders' normalisation, from cells as they are answered and not as they were learnt from."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from inference.training.batches import EVALUATION_BATCH, pooled
from inference.training.data import TrainingSet
from inference.training.known.whitening import ConceptWhitening
from inference.training.models import Encoders

_CELLS = 1024
"""From so many, spread over the set."""


def settle(model: Encoders, cells: TrainingSet) -> None:
    """Take the statistics of the encoders' normalisation from cells as they are; afterwards the model is evaluated.

    Encoders that learn labels from looks have those of looks, which are softer than cells, since they were turned, and
    have empty corners: they would answer for images that they never saw the like of (Touvron et al., NeurIPS 2019,
    section 3.2).
    Contrastive ones keep them: Jurkat cells were told no better without, and their loss is measured on looks.
    """
    layers = [
        part
        for encoder in model.encoders.values()
        for part in encoder.modules()
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d | ConceptWhitening) and not encoder.frozen
    ]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        # The mean of all batches.
        layer.momentum = None
    rows = np.linspace(0, len(cells) - 1, min(len(cells), _CELLS)).astype(np.intp)
    model.train()
    with torch.inference_mode():
        for part in np.array_split(rows, -(-len(rows) // EVALUATION_BATCH)):
            model.latent(model.preprocess(pooled(model, cells, part)))
    model.eval()
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
