"""Everything that can be chosen about a training."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from inference.errors import TrainingError
from inference.training.mixture import Covariance


class Learning(StrEnum):
    """What an encoder learns from."""

    RECONSTRUCTION = "reconstruction"
    """Drawing again what it saw: the autoencoders of paper A."""
    CONTRAST = "contrast"
    """Telling two looks at one cell from looks at others."""


class Size(StrEnum):
    """How much an encoder computes for a cell."""

    LIVE = "live"
    """On two processor cores 15,000 images or 700 volumes a second, with room for the rest of the line."""
    LARGE = "large"
    """Twice to four times the arithmetic."""


@dataclass(frozen=True)
class Widths:
    """Channels of the blocks of the encoders of images and of volumes; each block halves what it sees."""

    images: tuple[int, ...]
    volumes: tuple[int, ...]


# Multiples of 8, which is how many channels a processor's registers take at a time.
WIDTHS = {
    Size.LIVE: Widths(images=(16, 24, 32, 64), volumes=(8, 24, 48)),
    Size.LARGE: Widths(images=(16, 32, 64, 128), volumes=(16, 32, 64)),
}


@dataclass(frozen=True)
class TrainingOptions:
    """How a bundle is made; the defaults suit 80 x 80 images and 80 x 80 x 80 volumes on two CPU cores.

    Attributes
    ----------
    name
        Name of the bundle.
    command
        The exact command that makes it again, as the contract will say.
    learning
        What the encoder learns from.
    latent, widths, volume_widths, hidden
        Size of each channel's latent, channels of the blocks of the encoders of images and of volumes, and width of the
        class head.
    first_weight
        Share of the first of two channels in the loss (w1 of paper A, Eq. 2).
    clusters
        Components of the mixture; None tries 1 to `most_clusters` and keeps the number of the least BIC.
    covariance
        What shape they may have.
    epochs, patience
        The most epochs, and how many without a better validation loss end the training.
    batch, learning_rate
        Of Adam on the encoder.
    head_epochs
        Passes over the cells for the class head.
    augment, shift_px
        Whether images are flipped, turned by quarters and shifted by up to so many pixels.
    false_reject_rate
        Share of ordinary cells that the novelty threshold may call novel.
    alpha
        Share of the cells of a class whose conformal set may lack it.
    validation_run, test_run
        Runs held out to stop the training and to measure; None takes the last runs of the set.
    seed
        Of everything random.
    folder
        Where checkpoints are kept, so that an interrupted training goes on; None keeps none.
    progress
        Whether a progress bar is shown on stderr.
    """

    name: str = "model"
    command: str = "lightline train"
    learning: Learning = Learning.RECONSTRUCTION
    latent: int = 16
    widths: tuple[int, ...] = WIDTHS[Size.LIVE].images
    volume_widths: tuple[int, ...] = WIDTHS[Size.LIVE].volumes
    first_weight: float = 0.5
    hidden: int = 32
    clusters: int | None = 3
    most_clusters: int = 10
    covariance: Covariance = Covariance.AUTO
    epochs: int = 60
    patience: int = 8
    batch: int = 64
    learning_rate: float = 1e-3
    head_epochs: int = 60
    augment: bool = True
    shift_px: int = 2
    false_reject_rate: float = 0.01
    alpha: float = 0.1
    validation_run: str | None = None
    test_run: str | None = None
    seed: int = 0
    folder: Path | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        whole = {"latent": 2, "hidden": 1, "clusters": 1, "epochs": 1, "patience": 1, "batch": 2, "head_epochs": 1}
        whole["most_clusters"] = 1
        for field, least in whole.items():
            chosen = getattr(self, field)
            if chosen is not None and chosen < least:
                raise TrainingError(f"The training option '{field}' must be at least {least}.")
        for field in ("widths", "volume_widths"):
            if not getattr(self, field) or min(getattr(self, field)) < 1:
                raise TrainingError(f"The training option '{field}' needs at least one block of at least one channel.")
        if not 0 <= self.first_weight <= 1:
            raise TrainingError("The training option 'first_weight' must lie between 0 and 1.")
        for field in ("learning_rate", "false_reject_rate", "alpha"):
            if not 0 < getattr(self, field) < 1:
                raise TrainingError(f"The training option '{field}' must lie between 0 and 1.")
        if self.seed < 0 or self.shift_px < 0:
            raise TrainingError("The training options 'seed' and 'shift_px' must not be negative.")

    def weights_text(self) -> str:
        """Return what the encoders' weights depend on; a checkpoint made with another text is not resumed."""
        ignored = {
            "name", "command", "hidden", "clusters", "most_clusters", "covariance", "head_epochs", "epochs",
            "false_reject_rate", "alpha", "folder", "progress",
        }  # fmt: skip
        kept = {key: value for key, value in dataclasses.asdict(self).items() if key not in ignored}
        return json.dumps(kept, sort_keys=True)
