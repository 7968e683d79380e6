"""`python -m benchmarks.novelty_digits`: do scores of novelty find digits that the model never saw?

Real images (scikit-learn's 1797 handwritten digits), not cells. For each digit in turn, encoder and scores are fitted
to one half of the others; the other half has to be less novel than all images of the digit that was left out.
"""

from __future__ import annotations

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from acquisition.origin import Origin
from benchmarks.page import table
from inference.training.data import TrainingSet
from inference.training.fit import encode, fit_encoders
from inference.training.mixture import fit_mixture
from inference.training.novelty import fit_scores
from inference.training.options import Learning, TrainingOptions

HEAD = ("digit left out", "mixture", "neighbours", "relative")
_OPTIONS = TrainingOptions(
    learning=Learning.CONTRAST, widths=(16, 32, 64), epochs=30, patience=30, shift_px=2, clusters=9, progress=False
)


def digits(seed: int) -> TrainingSet:
    """Return the digits in any order, as images of 32 x 32, dark on a background of 1."""
    images, label = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(label))
    images, label = images[order], label[order]
    drawn = 1 - np.kron(images.reshape(-1, 8, 8) / 16, np.ones((4, 4))).astype(np.float32)
    return TrainingSet(
        images={"transmission": drawn},
        pool={"transmission": 1},
        label=label.astype(np.int32),
        label_names=tuple("0123456789"),
        run=np.zeros(len(label), dtype=np.int32),
        run_names=("digits",),
        pixel_um=1.0,
        instrument_kind="light_sheet",
        origin=Origin.MEASURED,
    )


def figures(left_out: range = range(10), seed: int = 0) -> list[tuple[object, ...]]:
    """Return the area under the curve of each score for each digit, and the mean."""
    cells = digits(seed)
    rows = [_without(cells, digit, seed) for digit in left_out]
    means = np.mean([row[1:] for row in rows], axis=0)
    return [*((row[0], *(f"{value:.3f}" for value in row[1:])) for row in rows), ("mean", *(f"{m:.3f}" for m in means))]


def _without(cells: TrainingSet, digit: int, seed: int) -> tuple[float, ...]:
    learnt, judged = np.array_split(np.flatnonzero(cells.label != digit), 2)
    part = cells.where(np.isin(np.arange(len(cells)), learnt))
    model = fit_encoders(part, part, _OPTIONS).model
    latent = encode(model, cells)
    mixture = fit_mixture(latent[learnt], 9, seed)
    embedding = mixture.embed(latent)
    seen = np.concatenate([judged, np.flatnonzero(cells.label == digit)])
    found = fit_scores(embedding[learnt], cells.label[learnt], mixture, seed)
    truth = cells.label[seen] == digit
    return (digit, *(float(roc_auc_score(truth, found[name].score(embedding[seen]))) for name in HEAD[1:]))


if __name__ == "__main__":
    sys.stdout.write(table(HEAD, figures()) + "\n")
