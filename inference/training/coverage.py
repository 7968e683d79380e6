"""How far from its promise the coverage of conformal sets may lie by chance alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import betabinom

from inference.conformal import allowed_misses


@dataclass(frozen=True)
class CoverageBand:
    """Share of cells whose set holds their own class, where the cells judged are like those calibrated on.

    Attributes
    ----------
    expected
        Its mean; a little above 1 - alpha, because the number of calibration cells allowed to miss is a whole one.
    low, high
        Between these it lies in 99 % of all draws of calibration cells and cells judged.
    """

    expected: float
    low: float
    high: float


def coverage_band(calibrated: Sequence[int], judged: Sequence[int], alpha: float, level: float = 0.99) -> CoverageBand:
    """Return where the coverage lies by chance, the calibration cells being a sample too.

    With n calibration cells of a class, l = floor(alpha (n + 1)) of which may miss, the coverage of the class follows a
    beta distribution with n + 1 - l and l, whatever the model, so that the number covered of m cells judged is
    beta-binomial (Vovk, Conditional validity of inductive conformal predictors, ACML 2012; Angelopoulos and Bates,
    2021, section 3.2). The sum over classes, each calibrated by itself, is found by convolution. A band of the binomial
    distribution takes the threshold for exact, and is too narrow.

    Parameters
    ----------
    calibrated, judged
        By class, cells that its threshold was set on, and cells that it is judged on, one at least in all.
    alpha
        Share of the cells of a class that may miss.
    level
        Share of draws inside the band.
    """
    chance = np.ones(1)
    for n, m in zip(calibrated, judged, strict=True):
        chance = np.convolve(chance, _covered(n, m, alpha))
    total = len(chance) - 1
    below = np.cumsum(chance)
    low, high = (int(np.searchsorted(below, share)) for share in ((1 - level) / 2, (1 + level) / 2))
    expected = float(chance @ np.arange(total + 1)) / total
    return CoverageBand(expected, low / total, min(high, total) / total)


def _covered(n: int, m: int, alpha: float) -> npt.NDArray[np.float64]:
    """Return the chance of 0 to `m` cells covered, `(m + 1,)`."""
    misses = allowed_misses(n, alpha)
    if misses == 0:
        # The class is in every set.
        return np.asarray(np.arange(m + 1) == m, dtype=np.float64)
    return np.asarray(betabinom.pmf(np.arange(m + 1), m, n + 1 - misses, misses))
