"""What a variational autoencoder draws when one number of its latent is turned and the others stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from inference.training.data import TrainingSet
from inference.training.fit import encode
from inference.training.variational import VariationalAutoencoders

STEPS, ENDS = 9, (3.0, 97.0)
"""Images of each number, and the percentiles of held-out cells between which it is turned."""


def draw_traversals(model: VariationalAutoencoders, cells: TrainingSet, names: tuple[str, ...], file: Path) -> None:
    """Draw a row for each factor: its number from little to much, all others at the median of these cells."""
    means = encode(model, cells)
    (encoder,) = model.encoders.values()
    figure = Figure(figsize=(1.05 * STEPS, 1.2 * len(names)), layout="constrained")
    rows = figure.subplots(len(names), STEPS, squeeze=False)
    for place, (name, row) in enumerate(zip(names, rows, strict=True)):
        latent = np.tile(np.median(means, axis=0), (STEPS, 1))
        latent[:, place] = np.linspace(*np.percentile(means[:, place], ENDS), STEPS)
        with torch.inference_mode():
            drawn = model.decoder(torch.from_numpy(latent.astype(np.float32)))[:, 0]
        images = (drawn / encoder.scale + encoder.background).numpy()
        for axes, image, number in zip(row, images, latent[:, place], strict=True):
            axes.imshow(image, cmap="gray", vmin=images.min(), vmax=images.max())
            axes.set_title(f"{number:.1f}", fontsize=7, pad=2)
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel(name.removesuffix("_um").replace("_per_um3", "").replace("_", " "), fontsize=8)
    figure.savefig(file, dpi=90)
