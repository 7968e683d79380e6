"""A lamp that fades in the middle of a day must be noticed, and a quiet day must stay quiet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import kolmogorov as scipy_kolmogorov

from inference.bundle import Bundle
from inference.drift import WINDOW, drift_of, kolmogorov, reference_quantiles
from inference.errors import BundleError

AXES = 16
CENTRES = np.random.default_rng(99).normal(0, 2, (3, AXES))


def latent_of(n: int, seed: int) -> np.ndarray:
    """Latents of three kinds of cells, positive on the whole as what comes of light is."""
    rng = np.random.default_rng(seed)
    return 5 + CENTRES[rng.integers(0, 3, n)] + rng.normal(0, 1, (n, AXES))


def test_windows_of_unchanged_cells_stay_quiet() -> None:
    alarms = 0
    for reference in range(5):
        quantiles = reference_quantiles(latent_of(1000, reference))
        for window in range(100):
            alarms += drift_of(latent_of(WINDOW, 1000 * reference + window + 5), quantiles, 1000).alarm
    assert alarms <= 0.05 * 500


@pytest.mark.parametrize("seed", range(5))
def test_a_gain_of_a_tenth_raises_the_alarm(seed: int) -> None:
    quantiles = reference_quantiles(latent_of(1000, seed))
    found = drift_of(1.1 * latent_of(WINDOW, 77 + seed), quantiles, 1000)
    assert found.alarm and found.p < 1e-3


def test_the_axis_that_changed_is_named() -> None:
    quantiles = reference_quantiles(latent_of(1000, 0))
    window = latent_of(WINDOW, 1)
    window[:, 11] += 1
    assert drift_of(window, quantiles, 1000).axis == 11


def test_other_shares_of_the_kinds_of_cells_raise_it_too() -> None:
    quantiles = reference_quantiles(latent_of(1000, 0))
    rng = np.random.default_rng(3)
    window = 5 + CENTRES[rng.choice(3, WINDOW, p=[0.7, 0.2, 0.1])] + rng.normal(0, 1, (WINDOW, AXES))
    assert drift_of(window, quantiles, 1000).alarm


@pytest.mark.parametrize("distance", [0.0, 0.2, 0.31, 0.5, 0.83, 1.36, 2.5, 9.0])
def test_the_chance_is_kolmogorovs(distance: float) -> None:
    assert kolmogorov(distance) == pytest.approx(scipy_kolmogorov(distance), abs=1e-4)


def test_a_bundle_says_what_ordinary_cells_look_like(toy_bundle: Bundle, unlabelled_bundle: Bundle) -> None:
    for bundle, cells in ((toy_bundle, 81), (unlabelled_bundle, 135)):
        drift = bundle.contract.drift
        assert drift is not None
        assert (len(drift.quantiles), drift.cells) == (bundle.contract.embedding_size, cells)


def test_quantiles_that_make_no_sense_are_refused(edited: Callable[..., Bundle]) -> None:
    with pytest.raises(BundleError, match="none below the one before"):
        edited(drift={"quantiles": ((2.0, 1.0),), "cells": 9})
    with pytest.raises(BundleError, match="more axes"):
        edited(drift={"quantiles": ((1.0, 2.0),) * 99, "cells": 9})
