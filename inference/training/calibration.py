"""Class probabilities that are as often right as they say: temperature scaling."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

LEAST_CELLS = 20
"""With fewer labelled cells of the validation run, probabilities are left as they are."""

_BOUNDS = (0.25, 20.0)


def fit_temperature(logits: npt.NDArray[np.floating], label: npt.NDArray[np.integer]) -> float:
    """Return what the scores of a classifier are to be divided by, so that its softmax is a probability.

    It makes the log-likelihood of held-out cells largest (Guo et al., ICML 2017). Where no cell is wrong, that would
    be 0, so it is kept between 0.25 and 20.

    Parameters
    ----------
    logits, label
        `(n, c)` scores before the softmax and `(n,)` classes of cells that the classifier was not fitted to.
    """
    scores = np.asarray(logits, dtype=np.float64)
    rows = np.arange(len(scores))

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(scores / np.exp(log_temperature), axis=1)[rows, label].mean())

    found = minimize_scalar(loss, bounds=tuple(np.log(_BOUNDS)), method="bounded")
    return float(np.exp(found.x))


def expected_calibration_error(
    probability: npt.NDArray[np.floating], label: npt.NDArray[np.integer], bins: int = 15
) -> float:
    """Return the mean difference between how sure the most likely class is and how often it is right.

    Cells are put into bins of equal width of their largest probability (Naeini et al., AAAI 2015; Guo et al., 2017).
    """
    sure = probability.max(axis=1).astype(np.float64)
    right = probability.argmax(axis=1) == label
    place = np.minimum((sure * bins).astype(np.int64), bins - 1)
    gap = np.bincount(place, sure - right, minlength=bins)
    return float(np.abs(gap).sum() / len(label))


def untempered(probability: npt.NDArray[np.floating], temperature: float) -> npt.NDArray[np.float64]:
    """Return what probabilities were before their scores were divided by a temperature."""
    # Single precision ends near 1e-38; what was smaller has no weight either way.
    logits = temperature * np.log(np.maximum(probability.astype(np.float64), 1e-38))
    return np.asarray(np.exp(log_softmax(logits, axis=1)))
