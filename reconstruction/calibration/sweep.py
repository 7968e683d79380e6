"""How evenly the sheet moves, from how wide beads of one size look along the scan (specification A.4 and A.5).

Where the sheet moves slowly a bead takes longer to cross: its width in time is its width in space over the speed of the
sheet, H (1 + 2 a2 w + 3 a3 w^2). This asks nothing of how beads are spread over z, only that they are spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reconstruction.calibration.empty_scan import Doubles
from reconstruction.calibration.passage import BeadPassage

OUTLYING = 4.0
"""Beads further from the fit than this many standard deviations, doublets say, are left out."""

TOLD = 2.0
"""Standard errors by which a3 has to differ from what it was."""


@dataclass(frozen=True, slots=True)
class SweepFit:
    """The scan's non-linearity.

    Attributes
    ----------
    a2, a3, a2_error, a3_error
        As in `acquisition.instrument.Scan`, with standard errors.
    a3_told
        Whether a3 differs from what it was before by more than chance; if not, that stands, and a2 is fitted beside it.
    covariance
        `(2, 2)` of a2 and a3, both free.
    place, pace, used
        `(n,)` each, by bead: place in the scan; speed of the sheet there relative to the middle; whether it counts.
    """

    a2: float
    a3: float
    a2_error: float
    a3_error: float
    a3_told: bool
    covariance: Doubles
    place: Doubles
    pace: Doubles
    used: npt.NDArray[np.bool_]

    def height_error_um(self, height_um: float) -> float:
        """Root mean square of the standard error of z over the scan, without the part that is a mere shift."""
        w = np.linspace(-0.5, 0.5, 101)
        shape = height_um * np.stack([w**2 - np.mean(w**2), w**3], axis=1)
        return float(np.sqrt(np.mean(np.einsum("ni,ij,nj->n", shape, self.covariance, shape))))


def fit_sweep(beads: Sequence[BeadPassage], before_a3: float = 0.0) -> SweepFit:
    """Fit 1 / width = k (1 + 2 a2 w + 3 a3 w^2) to the beads, and what grows with x to x^4 beside it.

    The sheet is thicker away from its focus, wherever that is.

    Parameters
    ----------
    beads
        At least 10, spread over the scan.
    before_a3
        Stands where the beads do not tell a3 from it.
    """
    w = np.array([bead.place for bead in beads])
    x = np.array([bead.x_um for bead in beads])
    pace = 1.0 / np.array([bead.width_ticks for bead in beads])
    columns = np.stack([np.ones_like(w), 2 * w, 3 * w**2, x, x**2, x**3, x**4], axis=1)
    used = np.ones(w.size, dtype=bool)
    for _ in range(5):
        solution = np.linalg.lstsq(columns[used], pace[used], rcond=None)[0]
        residual = pace - columns @ solution
        sigma = max(1.4826 * float(np.median(np.abs(residual[used]))), 1e-12)
        used = np.abs(residual) < OUTLYING * sigma
    variance = float(residual[used] @ residual[used]) / max(int(used.sum()) - columns.shape[1], 1)
    k, a3 = float(solution[0]), float(solution[2] / solution[0])
    errors = np.linalg.pinv(columns[used].T @ columns[used])[1:3, 1:3] * variance / k**2
    told = abs(a3 - before_a3) > TOLD * float(np.sqrt(errors[1, 1]))
    beside = columns[:, 3:] @ solution[3:]
    if not told:
        a3 = before_a3
        fixed = np.column_stack([columns[:, 0] + a3 * columns[:, 2], columns[:, 1], columns[:, 3:]])
        solution = np.linalg.lstsq(fixed[used], pace[used], rcond=None)[0]
        k, beside = float(solution[0]), fixed[:, 2:] @ solution[2:]
    return SweepFit(
        a2=float(solution[1]) / k,
        a3=a3,
        a2_error=float(np.sqrt(errors[0, 0])),
        a3_error=float(np.sqrt(errors[1, 1])),
        a3_told=told,
        covariance=errors,
        place=w,
        pace=(pace - beside) / k,
        used=used,
    )
