"""Side scatter means something: cross-sections by Rayleigh-Gans-Debye, by Born and by Mie agree where all are right."""

import sys

import numpy as np
import pytest

from acquisition.errors import ConfigError
from simulator.cells.ball import BallSpecimen
from simulator.cells.collection import collected_cone
from simulator.cells.drawing import draw_specimen
from simulator.cells.levels import ImageLevel
from simulator.cells.membranes import SHELL_UM2_PER_UM2, ellipsoid_area_um2
from simulator.cells.mie import mie_side_cross_section_um2
from simulator.cells.particles import geometric_glare_um2
from simulator.cells.rayleigh_gans import (
    exact_side_cross_section_um2,
    form_factor,
    polarisability,
    side_cross_section_um2,
)
from simulator.cells.sample import parse_sample
from simulator.optics.born import born_scatter
from simulator.optics.scattering import blurred_scatter
from simulator.presets import setup_preset
from simulator.randomness import Purpose, random_stream

N, PIXEL_UM = 64, 0.25
UNIT = (2 * np.pi) ** 1.5


def axis() -> np.ndarray:
    return ((np.arange(N) + 0.5 - N / 2) * PIXEL_UM).astype(np.float32)


def sheet():
    return setup_preset("sheet-ci").instrument.light_sheet


def weak_ball(diameter_um: float) -> BallSpecimen:
    return BallSpecimen("ball", diameter_um, 1.345, np.zeros((0, 4), dtype=np.float32))


def collected_um2(volume: np.ndarray) -> float:
    return float(volume.sum()) * PIXEL_UM**3 / UNIT


def test_the_aperture_has_its_solid_angle_and_is_about_the_objectives_axis():
    cone = collected_cone(0.28, 1.335)
    half_angle = np.arcsin(0.28 / 1.335)
    assert cone.solid_angle_sr.sum() == pytest.approx(2 * np.pi * (1 - np.cos(half_angle)), rel=1e-9)
    assert cone.z.min() > np.cos(half_angle)
    for part in (cone.y, cone.x):
        assert (part * cone.solid_angle_sr).sum() == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(cone.z**2 + cone.y**2 + cone.x**2, 1.0)


def test_a_tiny_sphere_scatters_as_rayleigh_has_it():
    # Across a small aperture at 90 degrees, dC/dOmega = k^4 r^6 ((m^2 - 1) / (m^2 + 2))^2.
    radius, index, host = 0.005, 1.42, 1.36
    wavenumber = 2 * np.pi * host / 0.488
    squared = (index / host) ** 2
    per_sr = wavenumber**4 * radius**6 * ((squared - 1) / (squared + 2)) ** 2
    solid_angle = 2 * np.pi * (1 - np.sqrt(1 - (0.28 / host) ** 2))
    assert exact_side_cross_section_um2(radius, index, host) == pytest.approx(per_sr * solid_angle, rel=0.02)
    assert polarisability(1.0, 1.0) == 0.0


@pytest.mark.parametrize(("diameter_um", "within"), [(0.05, 0.01), (0.1, 0.01), (0.2, 0.01), (0.3, 0.03), (0.6, 0.06)])
def test_granules_scatter_as_mie_has_it(diameter_um, within):
    exact = mie_side_cross_section_um2(diameter_um, 1.345, 1.335)
    assert exact_side_cross_section_um2(diameter_um / 2, 1.345, 1.335) == pytest.approx(exact, rel=within)


def test_the_granules_of_a_neutrophil_are_right_in_sum():
    # A single size can sit in a minimum, where weak-contrast theory fails; a cell has a spread of sizes.
    radii = 0.141 * np.exp(0.21 * random_stream(1, Purpose.CELLS).standard_normal(150))
    exact = sum(mie_side_cross_section_um2(2 * radius, 1.42, 1.36) for radius in radii.tolist())
    assert side_cross_section_um2(radii, 1.42, 1.36).sum() == pytest.approx(exact, rel=0.1)


def test_the_table_is_the_integral():
    radii = np.linspace(0.03, 1.0, 101)
    exact = exact_side_cross_section_um2(radii, 1.40, 1.367)
    np.testing.assert_allclose(side_cross_section_um2(radii, 1.40, 1.367), exact, rtol=0.02, atol=1e-9)
    np.testing.assert_allclose(form_factor(np.array([0.0, 1e-4, 1.1e-3])), 1.0, atol=1e-6)


@pytest.mark.parametrize("diameter_um", [0.2, 0.3, 0.5, 0.7, 1.0, 1.5])
def test_born_collects_from_a_small_weak_sphere_what_rayleigh_gans_has(diameter_um):
    volume = born_scatter(weak_ball(diameter_um), (0.0, 0.0, 0.0), axis(), sheet(), N, PIXEL_UM)
    assert volume.shape == (N, N, N)
    exact = float(exact_side_cross_section_um2(diameter_um / 2, 1.345, 1.335))
    # What the voxels' aliases leave open; see VOXEL_UM.
    assert collected_um2(volume) == pytest.approx(exact, rel=0.12)


def test_born_puts_a_sphere_where_it_is_and_as_wide_as_points_are():
    place = (1.0, -2.0, 3.0)
    volume = born_scatter(weak_ball(0.3), place, axis(), sheet(), N, PIXEL_UM)
    points = np.array([[*place, collected_um2(volume)]], dtype=np.float32)
    blurred = blurred_scatter(points, axis(), sheet(), N, PIXEL_UM)
    peak = [axis()[k] for k in np.unravel_index(volume.argmax(), volume.shape)]
    np.testing.assert_allclose(peak, (3.0, 1.0, -2.0), atol=0.13)
    assert np.corrcoef(volume.ravel(), blurred.ravel())[0, 1] > 0.97
    assert volume.max() == pytest.approx(blurred.max(), rel=0.2)


def test_born_light_doubles_where_two_spheres_are_far_apart_and_interferes_where_they_are_near():
    def pair(distance_um: float) -> float:
        return collected_um2(born_scatter(Pair(distance_um), (0.0, 0.0, 0.0), axis(), sheet(), N, PIXEL_UM))

    one = collected_um2(born_scatter(weak_ball(0.3), (0.0, 0.0, 0.0), axis(), sheet(), N, PIXEL_UM))
    assert pair(4.2) == pytest.approx(2 * one, rel=0.1)
    # At a quarter of 0.26 um along x and z the two are out of step; at nothing they are one of twice the field.
    assert pair(0.0) == pytest.approx(4 * one, rel=0.02)
    assert pair(0.18) < one


class Pair:
    """Two small spheres on a line along x."""

    diameter_um = 5.0

    def __init__(self, distance_um: float) -> None:
        self.distance_um = distance_um

    def index_step(self, n: int, pixel_um: float) -> np.ndarray:
        one = weak_ball(0.3).index_step(n, pixel_um)
        half = round(self.distance_um / 2 / pixel_um)
        return np.roll(one, half, axis=2) + np.roll(one, -half, axis=2)


def test_born_needs_a_specimen_that_fits():
    with pytest.raises(ConfigError, match="use level L0"):
        born_scatter(weak_ball(60.0), (0.0, 0.0, 0.0), axis(), sheet(), N, PIXEL_UM)


def test_a_lymphocyte_is_about_as_bright_in_both_levels():
    # L0 takes its membranes from one assumed constant, L1 from the index alone: nothing ties them together.
    cell = draw_specimen("lymphocyte", random_stream(1, Purpose.CELLS, 3))
    coherent = collected_um2(born_scatter(cell, (0.0, 0.0, 0.0), axis(), sheet(), N, PIXEL_UM))
    assert 0.5 < coherent / cell.facts["side_scatter_um2"] < 3.0


def test_a_beads_glare_is_that_of_a_mirror():
    # A perfect mirror ball would collect r^2 / 4 per steradian; glass in water reflects two per cent of it.
    solid_angle = 2 * np.pi * (1 - np.cos(np.arcsin(0.28 / 1.335)))
    mirror = 5.0**2 / 4 * solid_angle
    sine = np.sqrt(0.5) / (1.59 / 1.335)
    refracted = np.arcsin(sine)
    fresnel = (np.sin(np.pi / 4 - refracted) / np.sin(np.pi / 4 + refracted)) ** 2
    assert geometric_glare_um2(5.0, 1.59) == pytest.approx(mirror * fresnel, rel=1e-6)


@pytest.mark.parametrize("kind", ["bead-3um", "bead-6um", "bead-10um"])
def test_a_bead_at_level_2_is_as_bright_as_mie_has_it(kind):
    sample = parse_sample(kind, "L2")
    bead = sample.draw(random_stream(2, Purpose.CELLS, 1))
    exact = mie_side_cross_section_um2(bead.diameter_um, 1.59, 1.335)
    assert bead.facts["side_scatter_um2"] == pytest.approx(exact, rel=1e-5)
    plain = parse_sample(kind).draw(random_stream(2, Purpose.CELLS, 1))
    assert plain.diameter_um == bead.diameter_um
    # Geometric optics has the mirrored light, but not the waves that run along the surface.
    assert 0.1 < plain.facts["side_scatter_um2"] / exact < 2.0


def test_mie_adds_up_to_its_own_cross_section_over_all_directions():
    # Bohren and Huffman: the amplitudes' squares over the sphere are pi x^2 Q_sca; it fixes the norm that we rely on.
    miepython = pytest.importorskip("miepython")
    size, ratio = 3.0, 1.1
    cosines, weights = np.polynomial.legendre.leggauss(64)
    s1, s2 = miepython.S1_S2(ratio, size, cosines, norm="wiscombe")
    total = 2 * np.pi * np.sum(weights * (np.abs(s1) ** 2 + np.abs(s2) ** 2) / 2)
    assert total == pytest.approx(np.pi * size**2 * miepython.efficiencies_mx(ratio, size)[1], rel=1e-6)


def test_without_mie_level_2_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "miepython", None)
    with pytest.raises(ConfigError, match=r"install it with: pip install 'lightline\[mie\]'") as error:
        parse_sample("wbc:0.9,bead-6um:0.1", ImageLevel.L2)
    assert "\n" not in str(error.value)
    assert parse_sample("wbc", ImageLevel.L2).level is ImageLevel.L2


def test_a_membrane_scatters_by_its_area():
    cell = draw_specimen("debris", random_stream(4, Purpose.CELLS, 1))
    assert ellipsoid_area_um2(np.full(3, 2.0)) == pytest.approx(16 * np.pi)
    levels = {kind: [] for kind in ("lymphocyte", "b-cell")}
    for kind, values in levels.items():
        for k in range(40):
            cell = draw_specimen(kind, random_stream(5, Purpose.CELLS, k))
            # Membrane and envelope of a lymphocyte: pi d^2 (1 + ratio^2), and next to nothing in its few granules.
            area = np.pi * cell.diameter_um**2 * (1 + cell.facts["nucleus_ratio"] ** 2)
            values.append(cell.facts["side_scatter_um2"] / area)
        assert np.median(values) == pytest.approx(SHELL_UM2_PER_UM2, rel=0.12), kind
