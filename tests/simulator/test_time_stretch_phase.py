"""Knife-edge views: a phase that is known comes back out of the lines."""

import numpy as np
import pytest
from stretch_parts import Sphere, arrival_at, quiet_setup, retrieve_phase, view_image

from simulator.cells.specimen import View
from simulator.optics.brightfield import brightfield, image_amplitude
from simulator.optics.knife_edge import phase_slope, view_picture
from simulator.optics.time_stretch import TimeStretchModel


def retrieved(sphere, seed=1):
    setup = quiet_setup("atom-4g")
    optics = setup.instrument.time_stretch
    model = TimeStretchModel(setup, seed)
    arrival = arrival_at(setup, 1e6 + 0.3, sphere)
    views = {view.edge: view_image(model, arrival, k) for k, view in enumerate(optics.views)}
    return retrieve_phase(views, optics.wavelength_nm, optics.aperture), views


@pytest.mark.parametrize(("diameter_um", "index_step"), [(10.0, 0.03), (10.0, -0.02), (8.0, 0.03)])
def test_the_phase_of_a_sphere_comes_back_from_its_views(diameter_um, index_step):
    phase, _ = retrieved(Sphere(diameter_um, index_step))
    peak = 2 * np.pi / 1.064 * index_step * diameter_um
    assert phase[54:58, 54:58].mean() == pytest.approx(peak, rel=0.05)
    axis = (np.arange(112) - 55.5) * 0.25
    profile = peak * np.sqrt(np.maximum(1 - (axis / diameter_um * 2) ** 2, 0))
    inside = np.abs(axis) < 0.4 * diameter_um
    np.testing.assert_allclose(phase[56][inside], profile[inside], atol=0.06 * abs(peak))
    np.testing.assert_allclose(phase[:, 56][inside], profile[inside], atol=0.06 * abs(peak))


def test_a_pair_of_views_adds_up_to_the_brightfield():
    _, views = retrieved(Sphere(10.0, 0.03, 0.2))
    for axis in "xy":
        both = (views["+" + axis] + views["-" + axis]) / 2
        np.testing.assert_allclose(both[20:-20, 20:-20], views["none"][20:-20, 20:-20], atol=0.03)


def test_a_dense_sphere_is_brighter_where_its_phase_rises():
    _, views = retrieved(Sphere(10.0, 0.03))
    left, right = (slice(45, 67), slice(36, 46)), (slice(45, 67), slice(66, 76))
    assert views["+x"][left].mean() > 1.1 > 0.9 > views["+x"][right].mean()
    assert views["-x"][left].mean() < 0.9 < 1.1 < views["-x"][right].mean()
    # y grows along the rows of a cell's picture.
    assert views["+y"][36:46, 45:67].mean() > 1.1 > 0.9 > views["+y"][66:76, 45:67].mean()


def test_a_prism_shows_its_angle_and_a_steeper_one_the_edge_of_the_aperture():
    axis = np.arange(64) * 0.25
    for angle, expected in ((0.2, 1 + 0.2 / 0.66), (-0.2, 1 - 0.2 / 0.66)):
        wave = np.exp(2j * np.pi / 1.064 * angle * axis)[None, :].repeat(64, axis=0).astype(np.complex64)
        np.testing.assert_allclose(view_picture(wave, "+x", 1064.0, 0.66, 0.25)[1:-1, 1:-1], expected, rtol=1e-3)
        np.testing.assert_allclose(view_picture(wave, "+y", 1064.0, 0.66, 0.25), 1.0, rtol=1e-3)
        np.testing.assert_allclose(phase_slope(wave.T.copy(), 0, 0.25)[1:-1], 2 * np.pi / 1.064 * angle, rtol=1e-3)
    steep = np.exp(2j * np.pi / 1.064 * 0.8 * axis)[None, :].repeat(64, axis=0).astype(np.complex64)
    np.testing.assert_allclose(view_picture(steep, "-x", 1064.0, 0.66, 0.25)[:, 1:-1], 0.0, atol=1e-5)


@pytest.mark.parametrize(("wavelength_nm", "aperture", "defocus_um"), [(1064.0, 0.66, 2.0), (488.0, 0.42, -3.0)])
def test_the_quick_image_is_that_of_two_whole_transforms(wavelength_nm, aperture, defocus_um):
    n, pixel_um = 96, 0.25
    field = Sphere(8.0, 0.03, 0.1).field(View((1, 2, 0), (0.0, 0.0), n, pixel_um, wavelength_nm))
    padded = np.pad(field.astype(np.complex128), n // 2, constant_values=1.0)
    frequency = np.fft.fftfreq(2 * n, pixel_um)
    squared = frequency[:, None] ** 2 + frequency[None, :] ** 2
    axial = np.sqrt(np.maximum((1.335e3 / wavelength_nm) ** 2 - squared, 0)) - 1.335e3 / wavelength_nm
    pupil = (squared <= (aperture * 1e3 / wavelength_nm) ** 2) * np.exp(2j * np.pi * defocus_um * axial)
    whole = np.abs(np.fft.ifft2(np.fft.fft2(padded) * pupil))[n // 2 : -(n // 2), n // 2 : -(n // 2)] ** 2
    quick = brightfield(field, wavelength_nm, aperture, 1.335, defocus_um, pixel_um)
    np.testing.assert_allclose(quick, whole, atol=1e-5)
    assert image_amplitude(field, wavelength_nm, aperture, 1.335, defocus_um, pixel_um).dtype == np.complex64
