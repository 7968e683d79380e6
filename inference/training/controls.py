"""What a model has to beat: guesses from things that a cell's shape has nothing to do with, or that need no model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from inference.training.data import TrainingSet
from inference.training.quiet import ignoring
from inference.training.scores import balanced_accuracy
from inference.training.stacks import chunks

Floats = npt.NDArray[np.floating]

_FRAME_PX = 2
_RINGS = 4
_OBJECT_SIGMAS = 4.0
_SIGMAS_PER_DEVIATION = 1.4826
"""Standard deviations of a normal distribution in its median absolute deviation."""


def control_accuracies(train: TrainingSet, test: TrainingSet, seed: int) -> dict[str, float]:
    """Return the balanced accuracy of each control on labelled cells of a run that it was not fitted to."""
    classes = len(train.label_names)
    told = control_predictions(train, test, seed)
    return {name: balanced_accuracy(test.label, predicted, classes) for name, predicted in told.items()}


def control_predictions(train: TrainingSet, test: TrainingSet, seed: int) -> dict[str, npt.NDArray[np.int64]]:
    """Return what each control says of labelled cells of a run that it was not fitted to, `(n,)` each.

    - `majority_class`: always the most frequent class
    - `background_only`: the outer two pixels, where no cell is; above chance, illumination or session gives it away
    - `hand_made_features`: area, intensity, texture and radial profile, logistic regression
    - `boosted_features`: the same features, boosted trees, which also see what is not linear in them

    Volumes are looked at along each of their axes, summed up. Both sets have the same class names.
    """
    told = {"majority_class": np.full(len(test), np.bincount(train.label).argmax(), dtype=np.int64)}
    frames = [columns_of(part, lambda flat, _: frame_features(flat)) for part in (train, test)]
    told["background_only"] = _fitted(_linear(seed), train, *frames)
    features = [columns_of(part, hand_made_features) for part in (train, test)]
    told["hand_made_features"] = _fitted(_linear(seed), train, *features)
    boosted = HistGradientBoostingClassifier(class_weight="balanced", random_state=seed)
    told["boosted_features"] = _fitted(boosted, train, *features)
    return told


def _linear(seed: int) -> Pipeline:
    return make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced", random_state=seed)
    )


def _fitted(
    model: BaseEstimator, train: TrainingSet, learnt: npt.NDArray[np.float64], seen: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Fit a model to features of the training cells, and return what it says of others; one class needs no model."""
    if len(np.unique(train.label)) < 2:
        return np.full(len(seen), train.label[0], dtype=np.int64)
    # A few hundred rows are no work to share: on busy cores, threads that wait for each other take ten times as long.
    with ignoring(ConvergenceWarning), threadpool_limits(1):
        model.fit(learnt, train.label)
        return np.asarray(model.predict(seen), dtype=np.int64)


def columns_of(
    cells: TrainingSet, features: Callable[[Floats, float], npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64]:
    """Return the features of every flat picture that there is of the cells, side by side."""
    columns = []
    for stack in cells.images.values():
        parts = [[features(*picture) for picture in _flat_pictures(part)] for part in chunks(stack)]
        columns.append(np.concatenate([np.concatenate(part, axis=1) for part in parts]))
    return np.concatenate(columns, axis=1)


def _flat_pictures(images: Floats) -> Iterator[tuple[Floats, float]]:
    """Give `(n, y, x)` pictures and the value of an empty pixel: flat images, and the sums of volumes."""
    if images.ndim == 3:
        yield images, 1.0
    else:
        yield from ((images.sum(axis=axis, dtype=np.float32), 0.0) for axis in (1, 2, 3))


def frame_features(images: Floats) -> npt.NDArray[np.float64]:
    """Return mean, spread and percentiles of each side of the outer frame of `(n, y, x)` images, `(n, 20)`."""
    columns = []
    for side in _sides(images.astype(np.float64)):
        columns += [side.mean(axis=1), side.std(axis=1), *np.percentile(side, [5, 50, 95], axis=1)]
    return np.stack(columns, axis=1)


def hand_made_features(images: Floats, background: float) -> npt.NDArray[np.float64]:
    """Return size, intensity, texture and shape of `(n, y, x)` images, one row of numbers each.

    The object is where the image departs from the background by more than four of the outer frame's own deviations;
    medians measure them, so that one noisy row at the edge does not blind the control.
    """
    signal = images.astype(np.float64) - background
    frame = np.concatenate(_sides(signal), axis=1)
    signal = signal[:, _FRAME_PX:-_FRAME_PX, _FRAME_PX:-_FRAME_PX]
    _, height, width = signal.shape
    middle = np.median(frame, axis=1, keepdims=True)
    noise = np.maximum(_SIGMAS_PER_DEVIATION * np.median(np.abs(frame - middle), axis=1), 1e-6)[:, None, None]
    mask = np.abs(signal - middle[:, :, None]) > _OBJECT_SIGMAS * noise
    weight = mask / np.maximum(mask.sum(axis=(1, 2)), 1)[:, None, None]
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    dy = y - (weight * y).sum(axis=(1, 2))[:, None, None]
    dx = x - (weight * x).sum(axis=(1, 2))[:, None, None]
    yy, xx, xy = ((weight * part).sum(axis=(1, 2)) for part in (dy * dy, dx * dx, dy * dx))
    root = np.sqrt(((yy - xx) / 2) ** 2 + xy**2)
    mean = (weight * signal).sum(axis=(1, 2))
    variance = (weight * (signal - mean[:, None, None]) ** 2).sum(axis=(1, 2))
    radius = np.sqrt(dy * dy + dx * dx)
    extent = np.maximum(np.sqrt(np.maximum(yy + xx, 1e-6)) * 1.5, 1.0)[:, None, None]
    rings = [_ring_mean(signal, radius / extent, i / _RINGS, (i + 1) / _RINGS) for i in range(_RINGS)]
    columns = [
        mask.sum(axis=(1, 2)),
        mean,
        np.sqrt(variance),
        signal.min(axis=(1, 2)),
        signal.max(axis=(1, 2)),
        signal.sum(axis=(1, 2)),
        np.sqrt(yy + xx),
        np.sqrt(np.maximum((yy + xx) / 2 - root, 0) / np.maximum((yy + xx) / 2 + root, 1e-6)),
        np.abs(np.diff(signal, axis=1)).mean(axis=(1, 2)),
        np.abs(np.diff(signal, axis=2)).mean(axis=(1, 2)),
        *rings,
    ]
    return np.stack(columns, axis=1)


def _sides(flat: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Return the pixels of each side of the outer frame of `(n, y, x)` images, one row per image."""
    sides = flat[:, :_FRAME_PX], flat[:, -_FRAME_PX:], flat[:, :, :_FRAME_PX], flat[:, :, -_FRAME_PX:]
    return [side.reshape(len(flat), -1) for side in sides]


def _ring_mean(
    signal: npt.NDArray[np.float64], radius: npt.NDArray[np.float64], low: float, high: float
) -> npt.NDArray[np.float64]:
    ring = (radius >= low) & (radius < high)
    return np.asarray((signal * ring).sum(axis=(1, 2)) / np.maximum(ring.sum(axis=(1, 2)), 1))
