"""Novelty of a class that was left out, each in turn: area under the curve on cells that nothing was fitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from benchmarks.page import row, table
from inference.training.mixture import fit_mixture
from inference.training.novelty import fit_scores
from inference.training.options import TrainingOptions

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Seen:
    """Latents of an encoder.

    Attributes
    ----------
    learnt, label
        `(n, d)` and `(n,)` that scores are fitted to, without the class that is left out.
    judged, truth
        `(m, d)` and `(m,)` of all classes.
    """

    learnt: Floats
    label: Labels
    judged: Floats
    truth: Labels


def areas(seen: Seen, left_out: int, options: TrainingOptions) -> dict[str, float]:
    """Return the area under the curve of each score for one class; the class has no part in what they are fitted to."""
    kept = seen.label != left_out
    learnt, label = seen.learnt[kept], seen.label[kept]
    with threadpool_limits(1):
        mixture = fit_mixture(learnt, len(np.unique(label)), options.seed, axes=options.axes)
        embedding, new = mixture.embed(learnt), mixture.embed(seen.judged)
        scores = fit_scores(embedding, label, mixture, options.seed)
        truth = seen.truth == left_out
        return {name: float(roc_auc_score(truth, score.score(new))) for name, score in scores.items()}


def each_left_out(
    what: str, names: tuple[str, ...], without: Callable[[int], Seen], options: TrainingOptions
) -> Iterator[str]:
    """Give the lines of a table in Markdown as they are found, a class each, and their mean.

    Parameters
    ----------
    what
        Its first head.
    names
        Of the classes.
    without
        Returns the latents of an encoder for a class that is left out.
    """
    found: list[dict[str, float]] = []
    for left_out, name in enumerate(names):
        found.append(areas(without(left_out), left_out, options))
        if left_out == 0:
            yield table((what, *found[0]), [])
        yield row((name, *(f"{value:.3f}" for value in found[-1].values())))
    means = (np.mean([each[score] for each in found]) for score in found[0])
    yield row(("mean", *(f"{mean:.3f}" for mean in means)))
