"""Restoring must sharpen what was blurred, quieten what was noisy, and leave alone what it is not asked for."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from acquisition.errors import ConfigError
from acquisition.presets import instrument_preset
from reconstruction.errors import ReconstructionError
from reconstruction.light_sheet.deconvolution import Blur, restore, volume_blur
from reconstruction.methods import Method

PIXEL_UM, N = 0.25, 32
BLUR = Blur(0.55, 0.6, 0.5)


def cloud(place_um: tuple[float, float, float], blur: Blur, height: float) -> np.ndarray:
    axis = (np.arange(N) + 0.5 - N / 2) * PIXEL_UM
    z, y, x = (
        np.exp(-0.5 * ((axis - at) / sigma) ** 2)
        for at, sigma in zip(place_um, (blur.z_um, blur.y_um, blur.x_um), strict=True)
    )
    return (height * z[:, None, None] * y[None, :, None] * x[None, None, :]).astype(np.float32)


def grains(rng: np.random.Generator, blur: Blur) -> np.ndarray:
    volume = np.zeros((N, N, N), np.float32)
    for place in rng.normal(0.0, 1.1, (40, 3)):
        volume += cloud(tuple(place), blur, 40.0)
    return volume


def width_um(volume: np.ndarray, axis: int) -> float:
    """Full width at half height of the profile through the middle."""
    profile = np.moveaxis(volume, axis, 0)[:, N // 2, N // 2].astype(float)
    above = np.flatnonzero(profile > profile.max() / 2)
    low, high = above[0], above[-1]
    half = profile.max() / 2
    left = (profile[low] - half) / (profile[low] - profile[low - 1])
    right = (profile[high] - half) / (profile[high] - profile[high + 1])
    return (high - low + left + right) * PIXEL_UM


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_nothing_is_done_unless_it_is_asked_for():
    volume = cloud((0.0, 0.0, 0.0), BLUR, 100.0)
    assert restore(volume, BLUR, PIXEL_UM, Method.NONE) is volume


@pytest.mark.parametrize("method", [Method.WIENER, Method.RICHARDSON_LUCY])
def test_a_point_becomes_narrower_and_keeps_its_place_and_light(method):
    volume = cloud((0.0, 0.0, 0.0), BLUR, 100.0)
    sharp = restore(volume, BLUR, PIXEL_UM, method)
    for axis, sigma in enumerate((BLUR.z_um, BLUR.y_um, BLUR.x_um)):
        assert width_um(volume, axis) == pytest.approx(2.355 * sigma, rel=0.03)
        assert width_um(sharp, axis) < 0.85 * width_um(volume, axis)
    assert sharp.sum() == pytest.approx(volume.sum(), rel=0.02)
    weights = np.arange(N)
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        assert (weights @ sharp.sum(axis=others)) / sharp.sum() == pytest.approx(N / 2 - 0.5, abs=0.05)


def test_more_iterations_are_sharper():
    volume = cloud((0.0, 0.0, 0.0), BLUR, 100.0)
    widths = [width_um(restore(volume, BLUR, PIXEL_UM, Method.RICHARDSON_LUCY, n), 0) for n in (1, 4, 10)]
    assert widths == sorted(widths, reverse=True)


def test_richardson_lucy_is_nowhere_negative():
    rng = np.random.Generator(np.random.PCG64(3))
    noisy = grains(rng, BLUR) + rng.normal(0.0, 4.0, (N, N, N)).astype(np.float32)
    assert restore(noisy, BLUR, PIXEL_UM, Method.RICHARDSON_LUCY).min() >= 0.0


def test_smoothing_comes_nearer_to_the_blurred_truth_and_sharpening_to_the_sharp_one():
    rng = np.random.Generator(np.random.PCG64(4))
    truth = grains(rng, BLUR)
    noisy = rng.poisson(truth).astype(np.float32)
    assert correlation(restore(noisy, BLUR, PIXEL_UM, Method.SMOOTH), truth) > correlation(noisy, truth) + 0.005
    rng = np.random.Generator(np.random.PCG64(4))
    sharp = grains(rng, Blur(0.2, 0.2, 0.2))
    assert correlation(restore(truth, BLUR, PIXEL_UM, Method.RICHARDSON_LUCY), sharp) > correlation(truth, sharp) + 0.05
    assert correlation(restore(truth, BLUR, PIXEL_UM, Method.WIENER), sharp) > correlation(truth, sharp) + 0.05


def test_richardson_lucy_is_what_its_equation_says_with_mirrors_at_the_ends():
    rng = np.random.Generator(np.random.PCG64(6))
    seen = rng.poisson(grains(rng, BLUR)[:12, 4:28, 6:22]).astype(np.float32)

    def slowly(light: np.ndarray) -> np.ndarray:
        sigmas = [sigma / PIXEL_UM for sigma in (BLUR.z_um, BLUR.y_um, BLUR.x_um)]
        return gaussian_filter(light, sigmas, mode="reflect", truncate=6.0)

    light = slowly(seen.astype(float))
    for _ in range(5):
        light *= slowly(seen / slowly(light))
    restored = restore(seen, BLUR, PIXEL_UM, Method.RICHARDSON_LUCY, 5)
    assert np.abs(restored - light).max() < 1e-3 * light.max()
    assert restored.sum() == pytest.approx(seen.sum(), rel=1e-4)


def test_light_at_the_ends_of_the_field_does_not_run_out_of_it():
    flat = np.full((N, N, N), 7.0, np.float32)
    assert np.allclose(restore(flat, BLUR, PIXEL_UM, Method.RICHARDSON_LUCY, 20), 7.0, rtol=1e-3)


def test_noise_alone_is_not_made_into_a_cell():
    noise = np.random.Generator(np.random.PCG64(5)).normal(0.0, 1.0, (N, N, N)).astype(np.float32)
    assert restore(noise, BLUR, PIXEL_UM, Method.SMOOTH).std() < 0.2
    assert np.isfinite(restore(np.zeros((N, N, N), np.float32), BLUR, PIXEL_UM, Method.WIENER)).all()


def test_the_blur_is_that_of_the_instrument():
    blur = volume_blur(instrument_preset("sheet-real"))
    # 0.51 * 488 nm / 0.28 = 0.889 um and a pinhole of 1 um; straight lines between samples 1 um apart would add 1/6.
    optics = (0.889 / 2.355) ** 2 + 1 / 12
    for um in (blur.x_um, blur.y_um):
        assert np.sqrt(optics) - 1e-3 < um < np.sqrt(optics + 1 / 6)
    assert 0.6 < blur.z_um < 0.75
    assert volume_blur(instrument_preset("sheet-real"), 520.0).x_um > blur.x_um
    with pytest.raises(ConfigError, match="no light sheet"):
        volume_blur(instrument_preset("atom-real"))


def test_what_makes_no_sense_is_refused_in_a_sentence():
    with pytest.raises(ReconstructionError, match="three axes"):
        restore(np.zeros((8, 8), np.float32), BLUR, PIXEL_UM, Method.WIENER)
    with pytest.raises(ReconstructionError, match="1 to 100"):
        restore(np.zeros((8, 8, 8), np.float32), BLUR, PIXEL_UM, Method.RICHARDSON_LUCY, 0)
    with pytest.raises(ReconstructionError, match="too coarse"):
        restore(np.zeros((8, 8, 8), np.float32), BLUR, 1.5, Method.SMOOTH)
