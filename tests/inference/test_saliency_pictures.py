"""Pictures are what people judge by: they must show the array, the map in its place, and nothing that is not there."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from inference.errors import AnswerError
from inference.saliency import HeatScale, heat_colours, image_png, normalise_map, overlay_png, upsample_map


def decoded(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture)


def test_a_grey_picture_decodes_to_the_array_within_its_limits() -> None:
    image = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    picture = decoded(image_png(image, lo=0.0, hi=1.0))
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, np.arange(256).reshape(16, 16))


def test_contrast_is_chosen_so_that_one_hot_pixel_does_not_hide_the_cell() -> None:
    image = np.random.default_rng(0).normal(1, 0.1, (80, 80)).astype(np.float32)
    image[3, 3] = 1e6
    picture = decoded(image_png(image))
    assert picture.std() > 30
    assert picture[3, 3] == 255


@pytest.mark.parametrize(
    "image", [np.full((8, 8), 5.0), np.full((8, 8), np.nan), np.array([[1.0, np.nan], [2, np.inf]])]
)
def test_flat_or_unmeasured_images_still_give_a_picture(image: np.ndarray) -> None:
    assert decoded(image_png(image)).shape == image.shape


@pytest.mark.parametrize("image", [np.zeros(4), np.zeros((2, 2, 2)), np.zeros((0, 3))])
def test_what_is_not_2d_is_refused(image: np.ndarray) -> None:
    with pytest.raises(AnswerError, match="needs a 2D image"):
        image_png(image)


def test_limits_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(AnswerError, match="must ascend"):
        image_png(np.zeros((2, 2)), lo=1.0, hi=1.0)


@pytest.mark.parametrize("shape", [(80, 80), (96, 40), (40, 40, 40)])
def test_enlarging_equals_half_pixel_interpolation(shape: tuple[int, ...]) -> None:
    raw = np.random.default_rng(1).random((2, *([5] * len(shape)))).astype(np.float32)
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    wanted = torch.nn.functional.interpolate(torch.from_numpy(raw)[:, None], size=shape, mode=mode, align_corners=False)
    np.testing.assert_allclose(upsample_map(raw, shape), wanted[:, 0].numpy(), atol=1e-6)


def test_maps_are_scaled_by_their_own_maximum_and_empty_ones_flagged() -> None:
    raw = np.zeros((3, 5, 5), dtype=np.float32)
    raw[0, 2, 2], raw[1, 0, 0] = 4.0, 1e-12
    scaled, empty = normalise_map(raw)
    np.testing.assert_array_equal(empty, [False, False, True])
    np.testing.assert_allclose(scaled.max(axis=(1, 2)), [1, 1, 0])


def test_the_heat_lies_where_the_map_is_high() -> None:
    raw = np.zeros((5, 5), dtype=np.float32)
    raw[1, 3] = 1.0
    picture = decoded(overlay_png(np.full((80, 80), 1.0), raw, lo=0.0, hi=2.0)).astype(int)
    colourful = picture.max(axis=2) - picture.min(axis=2)
    assert picture.shape == (80, 80, 3)
    assert np.unravel_index(colourful.argmax(), (80, 80)) in {(y, x) for y in range(16, 32) for x in range(48, 64)}
    assert colourful[60:, :30].max() == 0


def test_an_empty_map_leaves_the_grey_picture() -> None:
    image = np.random.default_rng(2).random((20, 20))
    picture = decoded(overlay_png(image, np.zeros((5, 5))))
    np.testing.assert_array_equal(picture, np.repeat(decoded(image_png(image))[..., None], 3, axis=2))


def test_jet_goes_from_blue_over_green_to_red() -> None:
    colours = heat_colours([0.125, 0.5, 0.875, 1.0, np.nan, 2.0], HeatScale.JET).tolist()
    assert colours[:3] == [[0, 0, 255], [128, 255, 128], [255, 0, 0]]
    assert colours[3:] == [[128, 0, 0], [0, 0, 128], [128, 0, 0]]
    raw = np.zeros((5, 5))
    raw[2, 2] = 3.0
    red, _, blue = decoded(overlay_png(np.full((40, 40), 1.0), raw, 1.0, 0.0, 2.0, HeatScale.JET))[20, 20].tolist()
    assert red > blue


@pytest.mark.parametrize(("raw", "opacity"), [(np.zeros(5), 0.5), (np.zeros((5, 5)), 1.5)])
def test_a_senseless_overlay_is_refused(raw: np.ndarray, opacity: float) -> None:
    with pytest.raises(AnswerError, match="overlay"):
        overlay_png(np.zeros((8, 8)), raw, opacity)


def test_the_colour_scale_can_be_read_without_colour() -> None:
    colours = heat_colours(np.linspace(0, 1, 101)).astype(float)
    lightness = colours @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()
