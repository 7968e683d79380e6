"""Ways of telling paper C's four kinds of cells apart, and controls that see no cell, or no image at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from benchmarks.volume_cells import BEFORE, LINE, TOLD, beside, seen_as
from inference.training.architecture import Network
from inference.training.controls import control_predictions
from inference.training.data import TrainingSet
from inference.training.fit import encode_by, fit_encoders
from inference.training.models import LabelledEncoders
from inference.training.options import Learning
from inference.training.recipes import recipe
from inference.training.stacks import kept_images

NETWORK = "CNN of paper C"
RATE, BATCH = 1e-3, 64
"""Of the network: a few thousand steps at most, for which paper C's rate of 1e-4 is too small."""
FEW, MANY, FEWER = 500, 16, 6
"""Passes of the network over up to so many images, and over more; of the others, cells that choices are made by."""
COARSER = 4
"""Edge of the squares of pixels whose means the nearest cells and the machine are given."""
NEIGHBOURS, COSTS, WIDTHS = (1, 3, 5, 9, 15), (1.0, 10.0, 100.0), (0.1, 0.3, 1.0, 3.0)
"""What is chosen among, on the validation run; widths of the kernel are against one over the number of its inputs."""

Labels = npt.NDArray[np.int64]
Way = Callable[[TrainingSet, TrainingSet, TrainingSet], Labels]
"""From cells learnt from, cells that choose, and cells that are judged, to answers for the last."""


@dataclass(frozen=True)
class ByNetwork:
    """Tells by the network of paper C, as in its published code.

    Attributes
    ----------
    most
        The most cells that it learns from.
    folder
        Where its trainings are kept, None for nowhere.
    """

    most: int | None = None
    folder: Path | None = None

    def __call__(self, learnt: TrainingSet, chosen_on: TrainingSet, judged: TrainingSet) -> Labels:
        """Learn, and answer for cells that are judged."""
        learnt = learnt.where(np.arange(len(learnt)) < (self.most or len(learnt)))
        (channel,) = learnt.channels
        options = replace(
            recipe(Learning.LABELS, Network.MENG_OFFICIAL, epochs=MANY if len(learnt) <= FEW else FEWER),
            learning_rate=RATE,
            batch=BATCH,
            progress=False,
            folder=self.folder and self.folder / f"{channel}-{len(learnt)}",
        )
        model = fit_encoders(learnt, chosen_on, options).model
        if not isinstance(model, LabelledEncoders):
            raise TypeError("The network learns labels.")
        scores = encode_by(lambda prepared: model.classes(model.latent(prepared)), model, judged)
        return np.asarray(scores.argmax(axis=1), dtype=np.int64)


def by_neighbours(learnt: TrainingSet, chosen_on: TrainingSet, judged: TrainingSet) -> Labels:
    """Tell by the nearest cells, pixel by pixel."""
    makers = [lambda k=k: KNeighborsClassifier(min(k, len(learnt))) for k in NEIGHBOURS]
    return _best(makers, learnt, chosen_on, judged)


def by_machine(learnt: TrainingSet, chosen_on: TrainingSet, judged: TrainingSet) -> Labels:
    """Tell by a support vector machine with a Gaussian kernel, its cost and width chosen."""
    inputs = _pixels(judged).shape[1]
    makers = [lambda c=c, w=w: SVC(C=c, gamma=w / inputs, class_weight="balanced") for c in COSTS for w in WIDTHS]
    return _best(makers, learnt, chosen_on, judged)


def _best(
    makers: list[Callable[[], ClassifierMixin]], learnt: TrainingSet, chosen_on: TrainingSet, judged: TrainingSet
) -> Labels:
    """Fit all to the same standardised pixels, and let the one answer that did best where it may be chosen."""
    seen, stop, new = (_pixels(part) for part in (learnt, chosen_on, judged))
    few = slice(FEW)
    with threadpool_limits(1):
        fitted = [make_pipeline(StandardScaler(), make()).fit(seen[few], learnt.label[few]) for make in makers]
        best = max(fitted, key=lambda one: float(one.score(stop, chosen_on.label)))
        return np.asarray(best.fit(seen, learnt.label).predict(new), dtype=np.int64)


def _pixels(cells: TrainingSet) -> npt.NDArray[np.float32]:
    """Return coarse images divided by their mean, as the network sees fine ones, `(n, pixels)`."""
    flat = np.asarray(kept_images(np.asarray(cells.images[LINE][:]), COARSER), dtype=np.float32)
    flat = flat.reshape(len(cells), -1)
    return np.asarray(flat / flat.mean(axis=1, keepdims=True), dtype=np.float32)


def by_truth(learnt: TrainingSet, _: TrainingSet, judged: TrainingSet) -> Labels:
    """Tell by what the simulator drew, without any image: true sizes, granules and light."""
    seen, new = (np.stack([part.factors[name] for name in TOLD], axis=1) for part in (learnt, judged))
    with threadpool_limits(1):
        return np.asarray(HistGradientBoostingClassifier(random_state=0).fit(seen, learnt.label).predict(new))


def _control(name: str) -> Way:
    return lambda learnt, _, judged: control_predictions(learnt, judged, 0)[name]


def _of_lines(way: Way) -> Way:
    """Return a way that is shown the images of cells."""
    return lambda *parts: way(*(seen_as(part, LINE) for part in parts))


def _of_what_is_beside(way: Way, *, far: bool = True) -> Way:
    """Return a way that is shown what flowed by before and after them."""
    return lambda *parts: way(*(beside(part, far=far) for part in parts))


def ways(folder: Path | None) -> dict[str, Way]:
    """Return every way that is drawn against volume, by name; the network's trainings are kept in a folder."""
    return {
        NETWORK: _of_lines(ByNetwork(folder=folder)),
        "nearest cells (kNN)": _of_lines(by_neighbours),
        "SVM, Gaussian kernel": _of_lines(by_machine),
        "frame of the image": _of_lines(_control("background_only")),
        "background": _of_what_is_beside(_control("hand_made_features")),
        "majority": _control("majority_class"),
        "the truth": by_truth,
    }


def further(folder: Path | None) -> dict[str, Way]:
    """Return further controls, at the largest number of images."""
    before = ByNetwork(FEW, folder)
    return {
        "background, frame alone": _of_what_is_beside(_control("background_only")),
        "background, boosted": _of_what_is_beside(_control("boosted_features")),
        f"background, {NETWORK}": _of_what_is_beside(lambda *parts: before(*(seen_as(part, BEFORE) for part in parts))),
        "near the cell, 14 to 24 um": _of_what_is_beside(_control("hand_made_features"), far=False),
    }
