"""Everything that can be chosen about a training."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from inference.errors import TrainingError
from inference.training.architecture import Contrast, Network
from inference.training.augment import Looks
from inference.training.concept_choices import ConceptScore, Whitening
from inference.training.known.inflation import Inflation
from inference.training.mixture import Covariance
from inference.training.saliency import Saliency


class Learning(StrEnum):
    """What an encoder learns from."""

    RECONSTRUCTION = "reconstruction"
    """Drawing again what it saw: the autoencoders of paper A."""
    CONTRAST = "contrast"
    """Telling two looks at one cell from looks at others."""
    LABELS = "labels"
    """Telling the classes apart that cells are labelled with."""
    VARIATION = "variation"
    """Drawing again from a few uncertain numbers: a plain variational autoencoder."""
    FACTORS = "factors"
    """The same, of pairs of cells that share known factors: Ada-GVAE with labels, of paper D."""


class Size(StrEnum):
    """How much an encoder computes for a cell."""

    LIVE = "live"
    """On two processor cores 15,000 images or 700 volumes a second, with room for the rest of the line."""
    LARGE = "large"
    """Twice to four times the arithmetic."""


@dataclass(frozen=True)
class Widths:
    """Channels of the blocks of the encoders of images and of volumes; each block halves what it sees.

    Attributes
    ----------
    images, volumes
        Of the encoder of one channel.
    together
        Of one encoder of several flat channels.
    """

    images: tuple[int, ...]
    volumes: tuple[int, ...]
    together: tuple[int, ...]


# Multiples of 8, which is how many channels a processor's registers take at a time.
WIDTHS = {
    Size.LIVE: Widths(images=(16, 24, 32, 64), volumes=(8, 24, 48), together=(16, 24, 32, 64)),
    Size.LARGE: Widths(images=(16, 32, 64, 128), volumes=(16, 32, 64), together=(32, 64, 128, 128)),
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
    network
        How it is built.
    weights, inflation
        File of the weights that a known network begins with, None for random ones, and how these are made to fit other
        than three channels.
    contrast, edge
        How light is brought to numbers that a known network takes, and the edge of the square that its images are
        resized to, pixels; None leaves them as they are.
    dense
        Whether the layers of paper B stand between a known network and its latent.
    frozen
        Whether the blocks of a known network keep the weights that they begin with.
    together
        Whether one encoder looks at all flat channels at once, as known networks do anyway, instead of one at each.
    concepts
        Factors of the training cells, 1 where a cell has it and 0 where not, that axes of a residual network belong to;
        none trains without.
    concept_layer, concept_score, whitening
        Which of the four layers has these axes, how a map of one becomes a number, and how the layer is whitened.
    concept_weight
        Weight in the loss of cells that lack a concept and score above cells that have it; at 0 axes are turned towards
        concepts, and concepts are not taught.
    latent, widths, volume_widths, hidden
        Size of each channel's latent, channels of the blocks of the encoders of images and of volumes, and width of the
        class head.
    first_weight
        Share of the first of two channels in the loss (w1 of paper A, Eq. 2).
    clusters
        Components of the mixture; None tries 1 to `most_clusters` and keeps the number of the least BIC.
    covariance
        What shape they may have.
    axes
        Principal axes of the latents, as loud as they are, that clusters and novelty are looked for in; None takes all
        of them, each brought to unit spread first.
    epochs, patience
        The most epochs, and how many without a better validation loss end the training.
    batch, learning_rate, weight_decay, anneal
        Of AdamW on the encoder; with `anneal` the rate falls to 0 over the epochs, along half a cosine.
    beta
        Weight of the divergence of a variational autoencoder.
    label_weight
        Weight of the squares by which numbers of the latent miss the factors that they belong to.
    averaging
        Whether numbers whose factor two cells share are averaged over the pair; without, labels alone teach factors.
    temperature, projected
        Of the contrastive loss, and the size of what it compares.
    head_epochs
        Passes over the cells for the class head.
    augment, shift_px
        Whether images are flipped, turned by quarters and shifted by up to so many pixels.
    looks
        What encoders that learn from contrast or labels are shown of a cell.
    false_reject_rate
        Share of ordinary cells that the novelty threshold may call novel.
    alpha
        Share of the cells of a class whose conformal set may lack it.
    saliency
        How the maps are made.
    validation_run, test_run
        Runs held out to stop the training and to measure; None takes the last runs of the set.
    seed
        Of everything random.
    folder
        Where checkpoints are kept, so that an interrupted training goes on; None keeps none.
    keep_weights
        Where the weights of a known network are written, for others to begin with; None writes none.
    progress
        Whether a progress bar is shown on stderr.
    """

    name: str = "model"
    command: str = "lightline train"
    learning: Learning = Learning.RECONSTRUCTION
    network: Network = Network.STRIDED
    weights: Path | None = None
    inflation: Inflation = Inflation.NONE
    contrast: Contrast = Contrast.OWN
    edge: int | None = None
    dense: bool = False
    frozen: bool = False
    together: bool = False
    concepts: tuple[str, ...] = ()
    concept_layer: int = 4
    concept_score: ConceptScore = ConceptScore.MEAN
    concept_weight: float = 0.0
    whitening: Whitening = Whitening.STABLE
    latent: int = 16
    widths: tuple[int, ...] = WIDTHS[Size.LIVE].images
    volume_widths: tuple[int, ...] = WIDTHS[Size.LIVE].volumes
    first_weight: float = 0.5
    hidden: int = 32
    clusters: int | None = 3
    most_clusters: int = 10
    covariance: Covariance = Covariance.AUTO
    axes: int | None = None
    epochs: int = 60
    patience: int = 8
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    anneal: bool = False
    beta: float = 2.0
    label_weight: float = 100.0
    averaging: bool = True
    temperature: float = 0.2
    projected: int = 32
    head_epochs: int = 60
    augment: bool = True
    shift_px: int = 2
    looks: Looks = Looks()  # noqa: RUF009 - frozen
    false_reject_rate: float = 0.01
    alpha: float = 0.1
    saliency: Saliency = Saliency.HIRES_CAM
    validation_run: str | None = None
    test_run: str | None = None
    seed: int = 0
    folder: Path | None = None
    keep_weights: Path | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        whole: dict[str, int] = {
            "latent": 2,
            "hidden": 1,
            "clusters": 1,
            "epochs": 1,
            "patience": 1,
            "batch": 2,
            "head_epochs": 1,
        }
        whole |= {"most_clusters": 1, "axes": 2, "projected": 2}
        for field, least in whole.items():
            chosen = getattr(self, field)
            if chosen is not None and chosen < least:
                raise TrainingError(f"The training option '{field}' must be at least {least}.")
        for field in ("widths", "volume_widths"):
            if not getattr(self, field) or min(getattr(self, field)) < 1:
                raise TrainingError(f"The training option '{field}' needs at least one block of at least one channel.")
        if not 0 <= self.first_weight <= 1:
            raise TrainingError("The training option 'first_weight' must lie between 0 and 1.")
        for field in ("learning_rate", "temperature", "false_reject_rate", "alpha"):
            if not 0 < getattr(self, field) < 1:
                raise TrainingError(f"The training option '{field}' must lie between 0 and 1.")
        if min(self.seed, self.shift_px, self.weight_decay, self.concept_weight) < 0:
            raise TrainingError(
                "The training options 'seed', 'shift_px', 'weight_decay' and 'concept_weight' must not be negative."
            )

        if not self.network.is_known and (self.weights or self.keep_weights or self.edge or self.dense or self.frozen):
            raise TrainingError("Weights, another size, dense layers and frozen ones are for known networks alone.")
        if self.network.is_known and self.learning is not Learning.LABELS:
            raise TrainingError(f"The network '{self.network}' learns from labels; choose the kind 'classifier2d'.")
        if self.together and (self.network.is_of_paper_c or self.learning not in (Learning.CONTRAST, Learning.LABELS)):
            raise TrainingError(
                "Channels are looked at together by 'strided' and known networks that learn by contrast or from labels."
            )
        if self.concepts and (not self.network.is_residual or self.frozen or self.keep_weights):
            raise TrainingError(
                "Concepts are axes of 'resnet18' or 'resnet50' that learn; leave out --frozen and --keep-weights."
            )

    def weights_text(self) -> str:
        """Return what the encoders' weights depend on; a checkpoint made with another text is not resumed."""
        ignored = {
            "name", "command", "hidden", "clusters", "most_clusters", "covariance", "axes", "head_epochs",
            "false_reject_rate", "alpha", "saliency", "folder", "keep_weights", "progress",
        }  # fmt: skip
        if not self.anneal:
            ignored.add("epochs")
        if not self.together:
            ignored.add("together")  # Likewise.
        if self.averaging:
            ignored.add("averaging")  # As it was before one could choose.
        if not self.concept_weight:
            ignored.add("concept_weight")  # Likewise.
        kept = {key: value for key, value in dataclasses.asdict(self).items() if key not in ignored}
        return json.dumps(kept, sort_keys=True, default=str)
