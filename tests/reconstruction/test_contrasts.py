"""A slope, a phase and a mass that are known come back out of knife-edge views."""

import numpy as np
import pytest

from acquisition.errors import ConfigError
from acquisition.instrument import Channel, Role
from acquisition.presets import instrument_preset
from reconstruction.features.phase import PHASE_FEATURES, no_phase_features, phase_features, phase_object
from reconstruction.time_stretch.contrasts import Contrasts, absorption, phase_slope
from reconstruction.time_stretch.phase import integrate_slopes

ATOM = instrument_preset("atom-4g")
OPTICS = ATOM.time_stretch
PIXEL_UM = 0.25
N = 80
AXIS = (np.arange(N) + 0.5 - N / 2) * PIXEL_UM
EDGES = {"rising_x": ("x", 1), "falling_x": ("x", -1), "rising_y": ("y", 1), "falling_y": ("y", -1)}


def views_of(slope_x, slope_y, transmission=1.0):
    """Views as geometric optics makes them: half of the light, more of it where rays lean to the open half."""
    steepest = 2 * np.pi * OPTICS.aperture / (OPTICS.wavelength_nm * 1e-3)
    slopes = {"x": slope_x, "y": slope_y}
    return {
        name: (transmission * (1 + sign * np.clip(slopes[axis] / steepest, -1, 1))).astype(np.float32)
        for name, (axis, sign) in EDGES.items()
    }


def with_views(*views):
    return ATOM.model_copy(update={"optics": OPTICS.model_copy(update={"views": views})})


def made(views, instrument=ATOM):
    contrasts = Contrasts(instrument)
    images = {name: np.full((N, N), np.nan, np.float32) for name in contrasts.names}
    contrasts.make(views, images, PIXEL_UM)
    return images


def sphere(index_step, y_um=0.0, x_um=0.0, diameter_um=10.0):
    """Phase of a sphere and the mean of its slopes over each pixel."""
    fine = (np.arange(8 * N) + 0.5 - 4 * N) * PIXEL_UM / 8
    squared = (diameter_um / 2) ** 2 - (fine[:, None] - y_um) ** 2 - (fine[None, :] - x_um) ** 2
    phase = 2 * np.pi / 1.064 * index_step * 2 * np.sqrt(np.maximum(squared, 0.0))
    slopes = [np.gradient(phase, PIXEL_UM / 8, axis=axis) for axis in (1, 0)]
    return [image.reshape(N, 8, N, 8).mean(axis=(1, 3)) for image in (phase, *slopes)]


@pytest.mark.parametrize("index_step", [0.03, -0.03])
def test_the_phase_of_a_sphere_comes_back_with_its_sign(index_step):
    phase, slope_x, slope_y = sphere(index_step, y_um=-1.5, x_um=2.0)
    found = made(views_of(slope_x, slope_y))
    # The rim is steeper than pixels can follow.
    smooth = np.abs(np.hypot(AXIS[:, None] + 1.5, AXIS[None, :] - 2.0) - 5.0) > 0.5
    np.testing.assert_allclose(found["phase"][smooth], phase[smooth], atol=0.01 * np.abs(phase).max())
    np.testing.assert_allclose(found["gradient_x"], np.clip(slope_x, -3.9, 3.9), atol=1e-3)
    np.testing.assert_allclose(found["gradient_y"], np.clip(slope_y, -3.9, 3.9), atol=1e-3)
    np.testing.assert_allclose(found["absorption"], 1.0, atol=1e-6)


def test_a_prism_shows_its_slope_and_no_wrap_around():
    views = views_of(np.full((N, N), 0.3), np.full((N, N), -0.2), transmission=0.6)
    found = made(views)
    np.testing.assert_allclose(found["gradient_x"], 0.3, rtol=1e-5)
    np.testing.assert_allclose(found["gradient_y"], -0.2, rtol=1e-5)
    np.testing.assert_allclose(found["absorption"], 0.6, rtol=1e-6)
    plane = 0.3 * AXIS[None, :] - 0.2 * AXIS[:, None]
    offset = found["phase"] - plane
    np.testing.assert_allclose(offset, offset.mean(), atol=0.02)


def test_an_object_cut_by_the_edge_does_not_come_in_at_the_other():
    phase, slope_x, slope_y = sphere(0.03, x_um=-9.0)
    found = integrate_slopes(slope_x.astype(np.float32), slope_y.astype(np.float32), PIXEL_UM)
    np.testing.assert_allclose(found, phase, atol=0.1)
    assert np.abs(found[:, 60:]).max() < 0.05


@pytest.mark.parametrize(("rows", "cols"), [(24, 24), (20, 31)])
def test_it_is_complex_fourier_integration_of_the_mirrored_slopes(rows, cols):
    rng = np.random.default_rng(3)
    slope_x, slope_y = rng.normal(size=(2, rows, cols)).astype(np.float32)
    across = np.block([[slope_x, -slope_x[:, ::-1]], [slope_x[::-1], -slope_x[::-1, ::-1]]])
    down = np.block([[slope_y, slope_y[:, ::-1]], [-slope_y[::-1], -slope_y[::-1, ::-1]]])
    both = 2j * np.pi * np.add.outer(
        1j * np.fft.fftfreq(2 * rows, PIXEL_UM), np.fft.fftfreq(2 * cols, PIXEL_UM)
    )  # fmt: skip
    spectrum = np.fft.fft2(across + 1j * down) / np.where(both == 0, 1, both)
    # At half the sampling rate a sine is 0 at the middle of every pixel, and no slope can be told.
    spectrum[rows], spectrum[:, cols], spectrum[0, 0] = 0, 0, 0
    reference = np.fft.ifft2(spectrum).real[:rows, :cols]
    found = integrate_slopes(slope_x, slope_y, PIXEL_UM)
    np.testing.assert_allclose(found - found.mean(), reference - reference.mean(), atol=1e-5)


def test_two_views_give_one_gradient_and_no_phase():
    two = with_views(*OPTICS.views[:3])
    contrasts = Contrasts(two)
    assert contrasts.names == ("absorption", "gradient_x")
    assert contrasts.views(contrasts.names) == ("rising_x", "falling_x")
    _, slope_x, slope_y = sphere(0.03)
    views = views_of(slope_x, slope_y, transmission=0.8)
    found = made({name: views[name] for name in ("rising_x", "falling_x")}, two)
    np.testing.assert_allclose(found["gradient_x"], slope_x, atol=1e-3)
    np.testing.assert_allclose(found["absorption"], 0.8, atol=1e-6)


def test_only_the_views_that_a_contrast_needs_are_asked_for():
    contrasts = Contrasts(ATOM)
    assert contrasts.views(["gradient_y"]) == ("rising_y", "falling_y")
    assert contrasts.views(["phase"]) == contrasts.views(["absorption"]) == tuple(EDGES)
    assert contrasts.views(["brightfield"]) == ()


def test_brightfield_alone_gives_no_contrast():
    assert Contrasts(instrument_preset("stretch-ci")).names == ()
    assert Contrasts(with_views(OPTICS.views[0], OPTICS.views[1], OPTICS.views[4])).names == ()


def test_of_several_channels_the_first_gives_the_contrasts():
    both = ATOM.model_copy(update={"channels": (*ATOM.channels, Channel(name="late", role=Role.LINE))})
    assert Contrasts(both).views(["gradient_x"]) == ("line_rising_x", "line_falling_x")


def test_a_view_cannot_have_the_name_of_a_contrast():
    named = OPTICS.views[0].model_copy(update={"name": "phase"})
    with pytest.raises(ConfigError, match=r"has a view named 'phase', .* give the view another name"):
        Contrasts(with_views(named, *OPTICS.views[1:]))


def test_empty_and_dark_views_give_nothing_but_numbers():
    ones = np.ones((N, N), np.float32)
    found = made(dict.fromkeys(EDGES, ones))
    for name, empty in {"absorption": 1.0, "gradient_x": 0.0, "gradient_y": 0.0, "phase": 0.0}.items():
        np.testing.assert_array_equal(found[name], empty)
    dark = ones.copy()
    dark[30:50, 30:50] = 0.0
    dark[35, 35] = -0.01
    for image in made(dict.fromkeys(EDGES, dark)).values():
        assert np.isfinite(image).all()
    np.testing.assert_array_equal(phase_slope(dark, dark, 3.9), 0.0)
    assert absorption([dark, ones])[40, 40] == pytest.approx(0.5)


def test_the_dry_mass_of_a_sphere_is_what_its_index_says():
    phase, *_ = sphere(0.03)
    phase = phase.astype(np.float32)
    inside = phase_object(phase)
    assert inside.sum() * PIXEL_UM**2 == pytest.approx(np.pi * 25, rel=0.1)
    np.testing.assert_array_equal(phase_object(-phase), inside)
    found = phase_features(phase, inside, PIXEL_UM, 1064.0)
    assert found["dry_mass_pg"] == pytest.approx(0.03 * np.pi / 6 * 10.0**3 / 0.19, rel=0.01)
    assert found["phase_peak_rad"] == pytest.approx(2 * np.pi / 1.064 * 0.3, rel=0.01)
    assert found["phase_avg_rad"] == pytest.approx(phase[inside].mean(), rel=1e-3)
    assert phase_features(-phase, inside, PIXEL_UM, 1064.0)["phase_peak_rad"] == -found["phase_peak_rad"]
    nothing = phase_features(phase, np.zeros_like(inside), PIXEL_UM, 1064.0)
    assert nothing.keys() == set(PHASE_FEATURES) and np.isnan(list(nothing.values())).all()
    assert no_phase_features().keys() == nothing.keys()


def test_the_slope_of_a_wedge_is_its_slope():
    wedge = (0.4 * AXIS[None, :] + 0.3 * AXIS[:, None]).astype(np.float32)
    found = phase_features(wedge, np.ones_like(wedge, dtype=bool), PIXEL_UM, 1064.0)
    assert found["phase_slope_rad_per_um"] == pytest.approx(0.5, rel=1e-4)
