"""The kernels behind the features must give what the plain tools give, or every gate drawn on them moves."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from reconstruction.features.brightness import measure_brightness, percentiles
from reconstruction.features.median import median_of_positive
from reconstruction.features.regions import central_region


def plain_region(loud: np.ndarray) -> np.ndarray:
    filled = ndimage.binary_fill_holes(loud)
    numbers, _ = ndimage.label(filled)
    rows, cols = np.nonzero(filled)
    if rows.size == 0:
        return filled
    nearest = np.argmin((rows - loud.shape[0] / 2) ** 2 + (cols - loud.shape[1] / 2) ** 2)
    return numbers == numbers[rows[nearest], cols[nearest]]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.5, 0.6, 0.8, 1.0])
def test_the_central_region_is_that_of_scipy(share):
    rng = np.random.default_rng(int(100 * share))
    for _ in range(60):
        noise = rng.random((int(rng.integers(3, 90)), int(rng.integers(3, 90))))
        for loud in (noise < share, ndimage.uniform_filter(noise, 3) < share):
            np.testing.assert_array_equal(central_region(loud), plain_region(loud))


def test_percentiles_are_those_of_numpy():
    rng = np.random.default_rng(1)
    for n in (1, 2, 3, 10, 11, 500):
        for values in (rng.normal(size=n), np.full(n, 0.3), np.round(rng.normal(size=n)), rng.pareto(0.5, n)):
            np.testing.assert_allclose(percentiles(values, 10.0, 90.0), np.percentile(values, (10, 90)), rtol=1e-12)


def test_grain_is_the_difference_of_means_within_the_object():
    rng = np.random.default_rng(2)
    image = rng.normal(size=(31, 24)).astype(np.float32)
    inside = ndimage.uniform_filter(rng.random((31, 24)), 5) < 0.5
    means = []
    for half in (1, 2, 4, 8):
        kernel = np.ones((2 * half + 1, 2 * half + 1))
        light = ndimage.convolve(np.where(inside, image, 0.0), kernel, mode="constant")
        means.append(light[inside] / ndimage.convolve(inside.astype(float), kernel, mode="constant")[inside])
    true = [np.sqrt(np.mean((a - b) ** 2)) for a, b in pairwise(means)]
    np.testing.assert_allclose(measure_brightness(image, inside, 0.25, 0.0)[9:12], true, rtol=1e-5)


def test_medians_are_those_of_numpy():
    rng = np.random.default_rng(3)
    for n in (1, 2, 3, 4, 99, 100, 2800):
        for values in (abs(rng.normal(size=n)), np.full(n, 0.3), np.round(rng.random(n) * 3) / 3, rng.pareto(0.2, n)):
            exact = values.astype(np.float32)
            np.testing.assert_allclose(median_of_positive(exact), np.median(exact.astype(float)), rtol=1e-12)
    assert np.isnan(median_of_positive(np.empty(0, np.float32)))
