"""Who gates on focus must lose what is out of focus."""

import numpy as np
import pytest

from reconstruction.features.image import find_object, image_features
from simulator.arrivals import Arrival
from simulator.cells.drawing import draw_specimen
from simulator.optics.light_sheet import LightSheetModel
from simulator.presets import setup_preset

OFF_UM = 6.0


@pytest.fixture(scope="module")
def pictures():
    """Transmission at the plane that the preset looks at, and `OFF_UM` from it; and the diameters of the cells."""
    setup = setup_preset("sheet-real")
    model, n = LightSheetModel(setup, seed=0), setup.instrument.grid.size_px
    rng = np.random.default_rng(57)
    cells = [draw_specimen(kind, rng) for kind in ("lymphocyte", "neutrophil", "skno1", "hek293t", "mcf7") * 2]
    sharp, blurred = (
        [inner(model.transmission(Arrival(1, cell, 0.0, 0.2, x_um, 0.0)), n) for cell in cells]
        for x_um in (0.0, OFF_UM)
    )
    return sharp, blurred, [cell.diameter_um for cell in cells]


def inner(picture, n):
    edge = (picture.shape[0] - n) // 2
    return picture[edge : edge + n, edge : edge + n].astype(np.float32)


def measured(images, noise):
    """Focus and sharpness of every image, `(n, 2)`; noise is the same in 2 x 2 pixels, as samples lie farther apart."""
    rng, found = np.random.default_rng(4), []
    for image in images:
        coarse = rng.normal(0.0, noise, (image.shape[0] // 2, image.shape[1] // 2))
        noisy = (image + np.kron(coarse, np.ones((2, 2)))).astype(np.float32)
        features = image_features(noisy, find_object(noisy), 0.25, "zy")
        found.append((features["focus"], features["sharpness_per_um"]))
    return np.array(found)


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.01])
def test_focus_is_lost_out_of_focus(pictures, noise):
    sharp, blurred = (measured(images, noise)[:, 0] for images in pictures[:2])
    assert np.mean(sharp[:, None] > blurred[None, :]) > 0.9


def test_focus_says_less_about_size_than_sharpness(pictures):
    focus, sharpness = measured(pictures[0], 0.0).T
    on_focus, on_sharpness = (abs(np.corrcoef(pictures[2], found)[0, 1]) for found in (focus, sharpness))
    assert on_focus < 0.85 < 0.95 < on_sharpness
