"""Sets of classes that hold a cell's own class as often as promised, class by class (Mondrian conformal sets).

Among cells exchangeable with those that the set was calibrated on, a cell of class c has c in its set with a
probability of at least 1 - alpha, whatever the model, for every class c and however rare it is (Vovk, Gammerman and
Shafer, Algorithmic Learning in a Random World, 2005, ch. 4.5). Cells of another run are exchangeable as far as the runs
are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np
import numpy.typing as npt

REJECT = "reject"
"""What the empty set is called: no class is as likely as it is for nearly all cells of that class."""

_BETWEEN = " | "
# Other hardware rounds otherwise: where all calibration cells have a probability of 1, one of 0.9999999 is no reject.
_SLACK = 1e-5


def least_probabilities(
    probability: npt.NDArray[np.floating], label: npt.NDArray[np.integer], alpha: float
) -> tuple[float, ...]:
    """Return the probability from which on each class is in the set.

    Parameters
    ----------
    probability, label
        `(n, c)` and `(n,)` of calibration cells whose class in 0..c-1 is known.
    alpha
        Share of the cells of a class that may have a set without it.

    Returns
    -------
    tuple[float, ...]
        One for each class: the floor(alpha (n + 1))-th smallest probability that the class's own n cells have of it;
        0, which is always passed, where there are too few cells to promise anything.
    """
    own = [probability[label == index, index] for index in range(probability.shape[1])]
    return tuple(_nth_smallest(values, allowed_misses(len(values), alpha)) for values in own)


def allowed_misses(cells: int, alpha: float) -> int:
    """Return how many of a class's calibration cells and the next one, taken together, may have sets without it."""
    return int(alpha * (cells + 1))


def class_sets(probability: npt.NDArray[np.floating], least: Sequence[float]) -> npt.NDArray[np.bool_]:
    """Return which classes are in the set of each cell, `(n, c)`."""
    return np.asarray(probability >= np.asarray(least))


def set_names(sets: npt.NDArray[np.bool_], classes: Sequence[str]) -> list[str]:
    """Return the classes of each set, joined by ` | `, and `reject` for an empty one."""
    return [_BETWEEN.join(compress(classes, row)) or REJECT for row in sets.tolist()]


def _nth_smallest(values: npt.NDArray[np.floating], n: int) -> float:
    """Return the n-th smallest value, counted from 1, less the slack; 0 for n = 0."""
    return max(0.0, float(np.partition(values, n - 1)[n - 1]) - _SLACK) if n else 0.0
