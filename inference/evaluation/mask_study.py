"""What masks of saliency maps prove: paper A's study beside the controls that show why it proves little.

The study thresholds the maps of the predicted class at half their maximum and shows that a small classifier can tell
the class from the masks alone. But the map of a class is made with that class's own weights, and so carries its name
whatever the cell looks like: with classes drawn at random it scores as high. What can be read is how well masks of one
*fixed* class tell the predictions, against chance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from inference.engine import Engine, Explanation
from inference.evaluation.altered_graphs import HEAD, ROTATION, weights_of, with_weights
from inference.evaluation.answers import answers_of, explanations_of
from inference.saliency import normalise_map, upsample_map
from inference.training.data import TrainingSet
from inference.training.scores import balanced_accuracy

Integers = npt.NDArray[np.int64]
FOLDS = 5
THRESHOLD = 0.5
_FEWEST = 2 * FOLDS
"""Cells of a class below which folds say nothing; such classes are left out."""
_FINER = {2: 4, 3: 2}
"""How many times finer than its map a mask is, by dimensions."""
_HEAD_EPOCHS = 60


class MaskScore(BaseModel):
    """One protocol of the study."""

    model_config = ConfigDict(frozen=True)

    protocol: str
    predicts: str
    """What the classifier tells from the masks."""
    balanced_accuracy: float | None
    """By 5-fold cross-validation; None where fewer than two classes have enough cells."""
    chance: float | None
    cells: int


def mask_study(engine: Engine, cells: TrainingSet, seed: int) -> tuple[MaskScore, ...]:
    """Run paper A's protocol and its four controls on cells of any number of runs."""
    rng = np.random.default_rng(seed)
    names = engine.contract.targets
    own = explanations_of(engine, cells)
    drawn = rng.integers(0, len(names), len(cells))
    at_random = explanations_of(engine, cells, drawn)
    found = [
        _score("paper A: map of the predicted class", "the predicted class", own, own.target, seed),
        _score("control A: map of a class drawn at random", "the drawn class", at_random, drawn, seed),
    ]
    for i, name in enumerate(names):
        fixed = explanations_of(engine, cells, i)
        found.append(_score(f"control B: map of {name}, always", "the predicted class", fixed, own.target, seed))
    other = with_random_labels(engine, cells, seed)
    if other is not None:
        maps = explanations_of(other, cells)
        what = "control C: head fitted to random labels, map of its predicted class"
        found.append(_score(what, "that head's prediction", maps, maps.target, seed))
    return tuple(found)


def masks_of(explanation: Explanation) -> npt.NDArray[np.float32]:
    """Return where each map is above half its maximum, `(n, places)` of 0 and 1; an empty map gives an empty mask."""
    columns = []
    for raw in explanation.maps.values():
        finer = tuple(size * _FINER[raw.ndim - 1] for size in raw.shape[1:])
        scaled, _ = normalise_map(upsample_map(raw, finer))
        columns.append((scaled > THRESHOLD).reshape(len(raw), -1))
    return np.concatenate(columns, axis=1).astype(np.float32)


def with_random_labels(engine: Engine, cells: TrainingSet, seed: int) -> Engine | None:
    """Return the bundle with a head fitted to labels drawn at random for these cells, on the same encoder.

    None where the graph's layers have other names than Lightline gives.
    """
    # Imported here: the rest of the evaluation works without PyTorch.
    from inference.training.heads import fit_head

    held = weights_of(engine.bundle)
    if any(name not in held for name in (*HEAD, ROTATION)):
        return None
    # Axes of a rotation are turned back by its transpose.
    standardised = answers_of(engine, cells).embedding @ held[ROTATION].astype(np.float32).T
    outputs = len(engine.contract.targets)
    labels = np.random.default_rng(seed).integers(0, outputs, len(cells))
    hidden = held[HEAD[0]].shape[0]
    head = fit_head(standardised, labels, outputs, hidden=hidden, epochs=_HEAD_EPOCHS, seed=seed)
    new = {name: head.state_dict()[name.removeprefix("head.")].numpy() for name in HEAD}
    return Engine(with_weights(engine.bundle, new), provider="cpu")


def _score(protocol: str, predicts: str, explanation: Explanation, label: Integers, seed: int) -> MaskScore:
    """Tell labels from masks by a forest of small trees, in five folds."""
    counts = np.bincount(label)
    kept = counts[label] >= _FEWEST
    classes = int((counts >= _FEWEST).sum())
    if classes < 2:
        return MaskScore(
            protocol=protocol, predicts=predicts, balanced_accuracy=None, chance=None, cells=int(kept.sum())
        )
    forest = RandomForestClassifier(n_estimators=100, class_weight="balanced", random_state=seed)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    told = cross_val_predict(forest, masks_of(explanation)[kept], label[kept], cv=folds)
    return MaskScore(
        protocol=protocol,
        predicts=predicts,
        balanced_accuracy=balanced_accuracy(label[kept], told, len(counts)),
        chance=1 / classes,
        cells=int(kept.sum()),
    )
