"""Models of full size that were never trained: as fast as trained ones, and good for nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from inference.bundle import Bundle
from inference.shipped import resolve_bundle
from inference.training.architecture import Architecture
from inference.training.data import TrainingSet
from inference.training.export import OPSET, export_graphs
from inference.training.factor_readout import FactorReadout
from inference.training.graphs import TrainedParts
from inference.training.heads import Head
from inference.training.mixture import Covariance, Mixture
from inference.training.models import Encoders
from inference.training.new_model import new_model
from inference.training.novelty import MOST_PROTOTYPES, MixtureNovelty, NoveltyChoice, NoveltyScore, fit_scores
from inference.training.options import Learning, TrainingOptions

IMAGE = "transmission"
VOLUME = "side_scatter"
CLASSES = 3
FACTORS = ("diameter_um", "nucleus_ratio", "granules_per_um3")
"""Of encoders that learn factors."""
POOL = 2
"""Edge of the cubes whose means the encoder of volumes sees, as `lightline train` takes them by default."""


def untrained_parts(*channels: str) -> TrainedParts:
    """Make the parts of a model of images, volumes or both, of 80 pixels a side and the default sizes."""
    options = TrainingOptions()
    flat = Architecture(IMAGE, (80, 80), 1, options.widths, options.latent, background=1.0, scale=5.0, root=False)
    solid = Architecture(VOLUME, (80,) * 3, POOL, options.volume_widths, options.latent, 0.0, scale=0.05, root=True)
    model = Encoders([{IMAGE: flat, VOLUME: solid}[channel] for channel in channels], seed=0)
    return parts_of(model, options.hidden)


def parts_as_trained(channels: tuple[str, ...], options: TrainingOptions, pool: int = 1) -> TrainedParts:
    """Make the parts of a model of flat images of 80 pixels a side just as `lightline train` begins with them."""
    chance = np.random.default_rng(0)
    edge = 80 // pool
    factors = FACTORS if options.learning is Learning.FACTORS else ()
    cells = TrainingSet(
        images={name: chance.normal(1.0, 0.1, (2 * CLASSES, edge, edge)).astype(np.float32) for name in channels},
        pool=dict.fromkeys(channels, pool),
        label=np.arange(2 * CLASSES, dtype=np.int32) % CLASSES,
        label_names=tuple(f"class {i}" for i in range(CLASSES)),
        run=np.zeros(2 * CLASSES, dtype=np.int32),
        run_names=("nothing",),
        pixel_um=0.25,
        instrument_kind="light_sheet",
        origin=Origin.SIMULATED,
        factors={name: chance.normal(size=2 * CLASSES) for name in factors},
    )
    parts = parts_of(new_model(cells, options), options.hidden)
    readout = FactorReadout(factors, np.ones(len(factors)), np.zeros(len(factors)))
    return replace(parts, factors=readout) if factors else parts


def parts_of(model: Encoders, hidden: int) -> TrainedParts:
    """Put encoders together with clusters and a head that nobody fitted."""
    size = sum(encoder.architecture.latent for encoder in model.encoders.values())
    mixture = Mixture(
        centre=np.zeros(size),
        spread=np.ones(size),
        rotation=np.eye(size),
        weight=np.full(CLASSES, 1 / CLASSES),
        mean=np.random.default_rng(0).normal(size=(CLASSES, size)),
        precision_factor=np.stack([np.eye(size)] * CLASSES),
        covariance=Covariance.FULL,
        condition=1.0,
        bic={CLASSES: 0.0},
    )
    names = tuple(f"cluster {i}" for i in range(CLASSES))
    novelty = NoveltyChoice(MixtureNovelty(mixture), {})
    return TrainedParts(model.eval(), mixture, Head(size, hidden, CLASSES).eval(), names, names, novelty)


def scores_of_noise(parts: TrainedParts) -> dict[str, NoveltyScore]:
    """Fit every score of novelty to as many embeddings as a bundle keeps at most, of eight classes without meaning."""
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(MOST_PROTOTYPES, parts.mixture.mean.shape[1]))
    return fit_scores(embedding, rng.integers(0, 8, MOST_PROTOTYPES), parts.mixture, 0)


def untrained_bundle(name: str, parts: TrainedParts) -> Bundle:
    """Make a bundle of such parts; what its contract says of training is the shipped bundle's, and not true."""
    shipped = resolve_bundle(None, instrument_preset("sheet-ci")).contract
    fields = shipped.model_dump(mode="json", exclude={"sha256", "digest"})
    back = parts.saliency.blocks_back(parts.architectures)
    maps = [
        {**fields["saliency"][0], "channel": a.channel, "shape": a.activation_shape(back), "clusters": True}
        for a in parts.architectures
    ]
    changed = {
        "name": name,
        "inputs": [{"channel": name, "shape": shape, "pixel_um": 0.25} for name, shape in parts.inputs.items()],
        "embedding_size": sum(a.latent for a in parts.architectures),
        "concepts": [{"name": name} for name in parts.concepts],
        "factors": [{"name": name, "rank_correlation": 0.0} for name in (parts.factors.names if parts.factors else ())],
        "clusters": parts.clusters,
        "classes": parts.classes,
        "saliency": maps,
        "conformal": None,
        "drift": None,
        "opset": OPSET,
    }
    return Bundle.build({**fields, **changed}, *export_graphs(parts))
