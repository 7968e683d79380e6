"""Cells in the lines: where they lie, what is cut off, and how they mix."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
from stretch_parts import Sphere, arrival_at, empty_light, passed, quiet_setup, view_image

from simulator.optics.pulses import echo
from simulator.optics.time_stretch import PIXEL_UM, TAPS, TimeStretchModel, grid_px


def slow_sample(model, arrival, pictures, tick, pulses):
    """Light that the cell leaves of a sample, and that was there: the sums over pulses, views and response."""
    views, n = model.views, pictures.shape[1]
    um_per_tick = arrival.speed_m_s * 1e6 / model.setup.instrument.sample_rate_hz
    row = -um_per_tick * (tick - arrival.tick) / PIXEL_UM + n / 2 - 0.5
    left = whole = 0.0
    for (origin, energy), v, t in product(pulses, range(len(views.begins)), range(TAPS)):
        place = (tick - origin - views.begins[v]) / views.lengths[v]
        b = math.floor((place - views.taps[t] / views.lengths[v]) * views.optical.shape[1])
        if not (0 <= place < 1 and 0 <= b < views.optical.shape[1]):
            continue
        x_um = (tick - views.taps[t] - origin - views.centres[v]) * model.optics.um_per_sample - arrival.x_um
        col = x_um / PIXEL_UM + n / 2 - 0.5
        i, j = math.floor(row), math.floor(col)
        value = 1.0
        if 0 <= i < n - 1 and 0 <= j < n - 1:
            four = pictures[views.pictures[v], i : i + 2, j : j + 2]
            value = np.array([1 - (row - i), row - i]) @ four @ np.array([1 - (col - j), col - j])
        light = energy * views.weights[t] * views.optical[v, b]
        left, whole = left + light * value, whole + light
    return left, whole


def test_a_sample_is_the_weighted_mean_of_what_shares_it():
    """Double pulses, several views and the detector's response, against the same sum written out."""
    setup = quiet_setup("atom-4g", optics__double_pulses=1.0, optics__line_width_samples=3.0)
    model = TimeStretchModel(setup, seed=3)
    arrival = arrival_at(setup, 50_000.4, Sphere(extinction=0.3), x_um=1.7)
    pictures = model.pictures(arrival)
    first, count = 49_000, 700
    seen = passed(model, [arrival], first, count)
    light = empty_light(model, first, count)[:, 0] / setup.detectors[0].photoelectrons
    lines = model.lines(first, count)
    for k, (start, stop) in enumerate(pairwise(lines.starts)):
        energy, delay = echo(model.pulses, lines.first + k)
        assert 0.2 <= energy <= 0.5
        pulses = ((start, 1.0), (start + delay * (stop - start), energy))
        for tick in range(max(first, math.ceil(start)), min(first + count, math.ceil(stop)), 7):
            left, whole = slow_sample(model, arrival, pictures, tick, pulses)
            assert light[tick - first] == pytest.approx(whole, abs=0.04)
            if np.isfinite(seen[tick - first]):
                assert seen[tick - first] == pytest.approx(left / whole, abs=2e-3)
    assert np.isfinite(seen).mean() > 0.8
    assert np.nanmin(seen) < 0.75


def test_shadows_do_not_depend_on_how_the_stream_is_cut():
    setup = quiet_setup("atom-real", optics__double_pulses=0.1, clock__trigger_jitter_samples=1)
    model = TimeStretchModel(setup, seed=3)
    arrival = arrival_at(setup, 300_000.2, Sphere(extinction=0.4))
    shadow = model.shadow(arrival)
    whole = empty_light(model, 250_000, 100_000)
    light = whole.copy()
    shadow.lay(250_000, light)
    assert np.abs(light - whole).max() > 0.1 * whole.max()
    edges = [0, 1, 137, 275, 276, 40_000, 99_999, 100_000]
    for a, b in pairwise(edges):
        shadow.lay(250_000 + a, whole[a:b])
    np.testing.assert_array_equal(whole, light)


def test_nothing_changes_outside_of_the_ticks_that_a_shadow_names():
    setup = quiet_setup()
    model = TimeStretchModel(setup, seed=3)
    shadow = model.shadow(arrival_at(setup, 200_000.7))
    first = shadow.first_tick - 5000
    light = empty_light(model, first, shadow.end_tick - first + 5000)
    before = light.copy()
    shadow.lay(first, light)
    changed = first + np.flatnonzero(light[:, 0] != before[:, 0])
    assert shadow.first_tick <= changed[0] < changed[-1] < shadow.end_tick


def test_the_stray_light_is_no_cell_s_to_take():
    dark = TimeStretchModel(quiet_setup(), seed=3)
    bright = TimeStretchModel(quiet_setup(detectors__0__stray=5000.0), seed=3)
    lights = []
    for model in (dark, bright):
        light = empty_light(model, 180_000, 40_000)
        model.shadow(arrival_at(model.setup, 200_000.7, Sphere(extinction=0.5))).lay(180_000, light)
        lights.append(light)
    np.testing.assert_allclose(lights[1] - lights[0], 5000.0, atol=0.2)


def test_a_cell_stands_where_it_flows_the_leading_edge_first():
    setup = quiet_setup(optics__defocus_um=0.0)
    model = TimeStretchModel(setup, seed=3)
    picture = view_image(model, arrival_at(setup, 300_000.0, Sphere(6.0, 0.0, 0.5), x_um=3.0), 0)
    rows, cols = np.nonzero(picture < 0.75)
    assert (rows.mean() - 55.5) * 0.25 == pytest.approx(0.0, abs=0.15)
    assert (cols.mean() - 55.5) * 0.25 == pytest.approx(3.0, abs=0.15)
    assert np.ptp(rows) * 0.25 == pytest.approx(6.0, abs=0.6)
    assert np.ptp(cols) * 0.25 == pytest.approx(6.0, abs=0.6)


def test_a_cell_at_the_edge_of_the_field_is_seen_in_part():
    setup = quiet_setup()
    model = TimeStretchModel(setup, seed=3)

    def shaded(x_um):
        return np.nansum(
            passed(model, [arrival_at(setup, 300_000.0, Sphere(6.0, 0.0, 0.5), x_um)], 250_000, 100_000) < 0.7
        )

    inside, half, outside = shaded(0.0), shaded(10.0), shaded(16.0)
    assert 0.3 < half / inside < 0.6
    assert outside == 0


def test_cells_side_by_side_in_one_field_are_two_shadows():
    setup = quiet_setup("atom-4g")
    model = TimeStretchModel(setup, seed=3)
    pair = [arrival_at(setup, 100_000.0, Sphere(6.0, 0.0, 0.5), x_um=x) for x in (-7.0, 7.0)]
    together = passed(model, pair, 95_000, 10_000)
    alone = [passed(model, [one], 95_000, 10_000) for one in pair]
    np.testing.assert_allclose(together, alone[0] * alone[1], rtol=1e-4)
    assert not np.any((alone[0] < 0.7) & (alone[1] < 0.7))


@pytest.mark.parametrize("diameter_um", [7.0, 17.0, 60.0])
def test_no_specimen_is_cut_by_its_grid(diameter_um):
    n = grid_px(diameter_um)
    assert n * PIXEL_UM >= 1.2 * diameter_um
    setup = quiet_setup(optics__defocus_um=2.0)
    model = TimeStretchModel(setup, seed=3)
    picture = model.image(arrival_at(setup, 0.0, Sphere(diameter_um, 0.03, 0.1), z_um=1.0))
    assert picture.shape == (n, n)
    assert np.abs(picture[[0, -1]] - 1).max() < 0.02
    assert np.abs(picture[:, [0, -1]] - 1).max() < 0.02


def test_a_droplet_longer_than_the_line_of_the_real_record_is_dark_for_its_whole_length():
    setup = quiet_setup("atom-real")
    model = TimeStretchModel(setup, seed=3)
    arrival = arrival_at(setup, 2_000_000.0, Sphere(60.0, 0.0, 0.5))
    seen = passed(model, [arrival], 1_000_000, 2_000_000)
    dark = np.flatnonzero(seen < 0.6)
    length_um = (dark[-1] - dark[0]) * 0.3e6 / 5e9
    assert length_um == pytest.approx(60.0, abs=1.0)


def test_a_cell_that_crosses_the_end_of_the_loop_is_the_same_on_both_sides():
    setup = quiet_setup("atom-4g", optics__double_pulses=0.1)
    loop = 2931 * 1024 // 3
    model = TimeStretchModel(setup, seed=3, loop_samples=loop)
    end = passed(model, [arrival_at(setup, loop - 300.5)], loop - 5000, 10_000)
    start = passed(model, [arrival_at(setup, -300.5)], -5000, 10_000)
    assert np.nanmin(end) < 0.8
    np.testing.assert_allclose(start, end, atol=1e-4)
