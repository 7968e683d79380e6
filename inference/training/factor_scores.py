"""How well the factors of cells that no training saw are told, and kept apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from inference.evaluation.disentanglement import levels, mutual_information_gap
from inference.training.data import TrainingSet
from inference.training.evaluate import Metrics
from inference.training.factor_readout import FactorModule, rank_correlations
from inference.training.fit import encode, encode_by
from inference.training.graphs import TrainedParts
from inference.training.heads import standardise
from inference.training.pairs import known_factors
from inference.training.split import RunSplit
from inference.training.variational import VariationalAutoencoders


def factor_specs(parts: TrainedParts, test: TrainingSet) -> list[dict[str, Any]]:
    """Return what the contract says of every factor, by the cells of the test runs."""
    if parts.factors is None:
        return []
    correlations = rank_correlations(_read(parts, test), test)
    return [{"name": name, "rank_correlation": correlations[name]} for name in parts.factors.names]


def factor_metrics(parts: TrainedParts, split: RunSplit) -> Metrics:
    """Return rank correlations and the mutual information gap on the test runs, where their factors are known.

    The control of a rank correlation is that of the best plain measure of an image: its mean, its spread, and the
    area that differs from the background.
    """
    test = split.test
    if not test.factors:
        return {}
    metrics: Metrics = {}
    if parts.factors is not None:
        found, plain = rank_correlations(_read(parts, test), test), plain_correlations(test)
        metrics |= {
            f"rank_correlation_{name}": {"model": found[name], "plain_measure": plain[name]}
            for name in parts.factors.names
        }
    if not isinstance(parts.model, VariationalAutoencoders):
        return metrics
    known = test.where(known_factors(test))
    gaps = mutual_information_gap(drawn_codes(parts.model, known), factor_levels(known))
    metrics["mutual_information_gap"] = {
        "model": float(gaps.mean()),
        **{f"of {name}": float(gap) for name, gap in zip(known.factors, gaps, strict=True)},
    }
    return metrics


def drawn_codes(model: VariationalAutoencoders, cells: TrainingSet, seed: int = 0) -> npt.NDArray[np.float32]:
    """Draw the code `(n, d)` of every cell from what is believed of it.

    Of a number that says nothing the means still differ a little, and not by chance; what is drawn is noise.
    """
    beliefs = encode_by(lambda prepared: torch.stack(model.believed(prepared), dim=1), model, cells)
    mean, log_variance = beliefs[:, 0], beliefs[:, 1]
    chance = np.random.default_rng(seed).standard_normal(mean.shape, dtype=np.float32)
    return np.asarray(mean + np.exp(0.5 * log_variance) * chance, dtype=np.float32)


def factor_levels(cells: TrainingSet) -> npt.NDArray[np.int64]:
    """Return `(n, f)` equally frequent levels of factors that are all known."""
    return np.stack([levels(values) for values in cells.factors.values()], axis=1)


def plain_correlations(cells: TrainingSet) -> dict[str, float]:
    """Return the largest size of a rank correlation of every factor with a plain measure of the first images."""
    each = [rank_correlations(np.tile(one[:, None], len(cells.factors)), cells) for one in plain_measures(cells).T]
    return {name: max(abs(found[name]) for found in each) for name in cells.factors}


def plain_measures(cells: TrainingSet) -> npt.NDArray[np.float32]:
    """Return mean, spread, and the share that differs from the background, of the first images, `(n, 3)`."""
    images = np.asarray(cells.images[cells.channels[0]][:], dtype=np.float32).reshape(len(cells), -1)
    away = np.abs(images - np.median(images))
    return np.stack([images.mean(axis=1), images.std(axis=1), (away > images.std()).mean(axis=1)], axis=1)


def _read(parts: TrainedParts, cells: TrainingSet) -> npt.NDArray[np.float32]:
    if parts.factors is None:
        raise ValueError("There are no factors to read.")
    standardised = torch.from_numpy(standardise(encode(parts.model, cells), parts.mixture))
    return np.asarray(FactorModule(parts.factors)(standardised).numpy(), dtype=np.float32)
