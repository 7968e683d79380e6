"""Where the pinholes stand along the flow, from the passages of many beads on straight lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reconstruction.calibration.empty_scan import Doubles
from reconstruction.calibration.passage import BeadPassage

FEWEST_PASSAGES = 10
"""Passages below which the place of a pinhole is left as it was."""
OUTLYING = 4.0


@dataclass(frozen=True, slots=True)
class MaskFit:
    """Places of pinholes, last of the slit, against those that the instrument file had.

    Attributes
    ----------
    offset_um, error_um
        `(n_pinholes + 1,)`: offset and standard error; NaN where too few beads passed. Mean and slope of the pinholes'
        offsets are 0: beads of unknown speed do not tell a shifted or a stretched mask.
    passages
        `(n_pinholes + 1,)`: beads that count.
    residual_um
        Scatter of single passages about the lines.
    """

    offset_um: Doubles
    error_um: Doubles
    passages: Doubles
    residual_um: float


def fit_mask(beads: Sequence[BeadPassage], places_um: Doubles) -> MaskFit:
    """Fit one offset per pinhole, and start and speed of every bead, by least squares without the outliers.

    Parameters
    ----------
    beads
        Whose `ticks` belong to the places.
    places_um
        `(n_pinholes + 1,)` nominal places along the flow, last the slit.
    """
    ticks = np.array([bead.ticks for bead in beads])
    weights = np.array([bead.weights for bead in beads]) * np.isfinite(ticks)
    speeds = np.array([bead.speed_um_per_tick for bead in beads])
    path = np.nan_to_num(ticks - ticks[:, -1:]) * speeds[:, None] - places_um
    offset = np.zeros(places_um.size)
    for _ in range(4):
        normal = np.zeros((places_um.size, places_um.size))
        right = np.zeros(places_um.size)
        for w, y in zip(weights, path, strict=True):
            line = np.stack([np.ones_like(places_um), places_um], axis=1)
            inner = np.linalg.pinv(line.T @ (w[:, None] * line))
            free = np.diag(w) - (w[:, None] * line) @ inner @ (w[:, None] * line).T
            normal += free
            right += free @ y
        inverse = np.linalg.pinv(normal, rcond=1e-9)
        offset = inverse @ right
        residual = _residuals(path - offset, weights, places_um)
        variance = float(np.sum(weights * residual**2)) / max(_freedom(weights), 1.0)
        weights = np.where(weights * residual**2 <= OUTLYING**2 * variance, weights, 0.0)
        weights[(weights > 0).sum(axis=1) < 4] = 0.0
    passages = (weights > 0).sum(axis=0).astype(np.float64)
    known = passages >= FEWEST_PASSAGES
    plain = np.eye(places_um.size) - _line_part(places_um, known)
    error = np.sqrt(np.maximum(np.diag(plain @ inverse @ plain.T) * variance, 0.0))
    offset = plain @ offset
    spread = float(np.sqrt(np.sum(weights * residual**2) / max(float(weights.sum()), 1e-12)))
    return MaskFit(np.where(known, offset, np.nan), np.where(known, error, np.nan), passages, spread)


def _freedom(weights: Doubles) -> float:
    """Passages less what is fitted to them: start and speed of every bead, and the offsets."""
    held = weights > 0
    return float(held.sum()) - 2.0 * float(held.any(axis=1).sum()) - float(held.any(axis=0).sum())


def _residuals(path: Doubles, weights: Doubles, places_um: Doubles) -> Doubles:
    """Distance of every passage from the best line of its bead."""
    line = np.stack([np.ones_like(places_um), places_um], axis=1)
    result = np.zeros_like(path)
    for k, (w, y) in enumerate(zip(weights, path, strict=True)):
        fit = np.linalg.pinv(line.T @ (w[:, None] * line)) @ (line.T @ (w * y))
        result[k] = np.where(w > 0, y - line @ fit, 0.0)
    return result


def _line_part(places_um: Doubles, known: np.typing.NDArray[np.bool_]) -> Doubles:
    """Matrix that gives, at every place, the straight line through the offsets of the pinholes known."""
    line = np.stack([np.ones_like(places_um), places_um], axis=1)
    pinholes = known.astype(np.float64)
    pinholes[-1] = 0.0
    return np.asarray(line @ np.linalg.pinv(line.T @ (pinholes[:, None] * line)) @ (line * pinholes[:, None]).T)
