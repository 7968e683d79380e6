import numpy as np
import pytest
from scipy import ndimage

from reconstruction.errors import ReconstructionError
from reconstruction.features.image import find_object
from reconstruction.preparation import cut_out, prepare, resize
from reconstruction.time_stretch.ghost import ghost_share


def ellipse(row, col, half_height, half_width, depth=0.4, n=80):
    rows, cols = np.mgrid[:n, :n]
    inside = ((rows - row) / half_height) ** 2 + ((cols - col) / half_width) ** 2 < 1
    grain = np.random.default_rng(4).normal(0.0, 0.08, (n, n))
    return np.where(inside, 1.0 - depth + ndimage.gaussian_filter(grain, 1.0), 1.0).astype(np.float32)


def noisy(image, sigma=0.005, seed=0):
    return (image + np.random.default_rng(seed).normal(0.0, sigma, image.shape)).astype(np.float32)


def test_resizing_is_bilinear_as_others_do_it():
    image = np.random.default_rng(1).normal(1.0, 0.2, (30, 40)).astype(np.float32)
    out = np.empty((64, 64), np.float32)
    resize(image, 4.5, 9.5, 20.0, 16.0, out)
    y = np.clip(4.5 + (np.arange(64) + 0.5) * 20 / 64, 0, 29)
    x = np.clip(9.5 + (np.arange(64) + 0.5) * 16 / 64, 0, 39)
    expected = ndimage.map_coordinates(image, np.meshgrid(y, x, indexing="ij"), order=1)
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_a_cell_fills_its_square_and_its_scale_stands_beside_it():
    images = np.stack([noisy(ellipse(40, 38, 30, 10)), noisy(ellipse(30, 40, 8, 8)), np.ones((80, 80), np.float32)])
    prepared = prepare(images, 0.25)
    assert prepared.images.shape == (3, 128, 128) and prepared.images.dtype == np.float32
    np.testing.assert_allclose(prepared.images.mean(axis=(1, 2)), 1.0, rtol=1e-5)
    # Objects are a pixel larger in the 3 x 3 mean, and have 1 um around them.
    np.testing.assert_allclose(prepared.um_per_px[0] * 128, [17.5, 7.5], atol=0.6)
    np.testing.assert_allclose(prepared.um_per_px[1] * 128, [6.5, 6.5], atol=0.6)
    np.testing.assert_allclose(prepared.um_per_px[2] * 128, [20.0, 20.0])
    assert prepared.mean[0] < prepared.mean[2] == 1.0


def test_a_cut_out_that_keeps_its_shape_is_a_square_within_the_image():
    for row, col in ((40, 40), (40, 6), (40, 75)):
        found = find_object(noisy(ellipse(row, col, 30, 10)))
        top, left, height, width = cut_out(found, 4.0, keep_aspect=True)
        assert height == width == pytest.approx(70, abs=3)
        assert left >= -0.5 and left + width <= 79.5 and top >= -0.5 and top + height <= 79.5
    large = find_object(noisy(ellipse(40, 40, 39.6, 39.6)))
    assert cut_out(large, 4.0, keep_aspect=True) == (-0.5, -0.5, 80.0, 80.0)


@pytest.mark.parametrize(("shape", "size"), [((2, 4, 80, 80), 128), ((80, 80), 128), ((2, 80, 80), 4)])
def test_what_cannot_be_prepared_is_refused(shape, size):
    with pytest.raises(ReconstructionError, match=r"^[A-Z].*\.$"):
        prepare(np.ones(shape, np.float32), 0.25, size=size)


@pytest.mark.parametrize("strength", [0.1, 0.3])
@pytest.mark.parametrize("shift", [26, -24])
def test_a_ghost_beside_a_cell_is_measured(strength, shift):
    cell = ellipse(40, 40 - shift // 8, 14, 10)
    ghost = np.zeros_like(cell)
    source = slice(max(0, -shift), min(80, 80 - shift))
    target = slice(max(0, shift), min(80, 80 + shift))
    ghost[:, target] = strength * (cell[:, source] - 1.0)
    image = noisy(cell + ghost)
    assert ghost_share(image, find_object(image).inside, 1.0) == pytest.approx(strength, rel=0.15)
    assert ghost_share(noisy(cell), find_object(noisy(cell)).inside, 1.0) == 0.0


def test_debris_beside_a_cell_and_an_empty_image_are_no_ghosts():
    cell = ellipse(40, 25, 14, 10)
    beside = noisy(cell + (ellipse(38, 60, 5, 7) - 1.0))
    assert ghost_share(beside, np.abs(cell - 1.0) > 0.02, 1.0) == 0.0
    empty = noisy(np.ones((80, 80), np.float32))
    assert ghost_share(empty, find_object(empty).inside, 1.0) == 0.0
