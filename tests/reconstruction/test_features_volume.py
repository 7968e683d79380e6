"""What is measured in volumes must be what was put there, and NaN where nothing was."""

import math

import numpy as np
import pytest
from scipy import ndimage

from acquisition.instrument import Channel, Role
from acquisition.presets import instrument_preset
from reconstruction.features.channel import channel_features
from reconstruction.features.image import ObjectMask
from reconstruction.features.volume import principal_variances
from reconstruction.features.volume_grain import grain, spots
from reconstruction.transform import transform_for
from simulator.cells.drawing import draw_specimen
from simulator.optics.scattering import blurred_scatter

PIXEL_UM, N = 0.25, 80
AXIS_UM = (np.arange(N) + 0.5 - N / 2) * PIXEL_UM
SIDE, STAIN = Channel(name="ssc", role=Role.SIDE_SCATTER), Channel(name="gfp", role=Role.FLUORESCENCE)


def ellipsoid(semi_um, centre_um=(0.0, 0.0, 0.0)) -> np.ndarray:
    # Of voxels of 0.5 um, which is what light is measured on.
    axis = np.repeat(AXIS_UM.reshape(-1, 2).mean(axis=1), 2)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    places = zip((z, y, x), centre_um, semi_um, strict=True)
    return (sum(((place - c) / s) ** 2 for place, c, s in places) < 1.0).astype(np.float32)


def disc(radius_um, centre_um=(0.0, 0.0)) -> ObjectMask:
    z, y = AXIS_UM[:, None] - centre_um[0], AXIS_UM[None, :] - centre_um[1]
    return ObjectMask(np.hypot(z, y) < radius_um)


@pytest.fixture(scope="module")
def egg() -> dict[str, float]:
    rng = np.random.default_rng(1)
    volume = 100.0 * ellipsoid((3.0, 5.0, 4.0), (1.0, -0.5, 1.5)) + rng.normal(0.0, 1.0, (N, N, N))
    return channel_features(SIDE, volume.astype(np.float32), disc(5.0, (1.0, -0.5)), PIXEL_UM)


@pytest.mark.parametrize("name, true, within", [
    ("volume_um3", 4 / 3 * math.pi * 60.0, 0.05), ("ball_um", 2 * 60.0 ** (1 / 3), 0.02),
    ("z_um", 1.0, 0.05), ("y_um", -0.5, 0.1), ("x_um", 1.5, 0.05),
    ("size_z_um", 6.0, 0.17), ("size_y_um", 10.0, 0.1), ("size_x_um", 8.0, 0.13),
    ("axis_long_um", 10.0, 0.03), ("axis_middle_um", 8.0, 0.03), ("axis_short_um", 6.0, 0.03),
    ("elongation", 10 / 6, 0.03), ("compactness", 0.6 * 60 ** (2 / 3) / (0.2 * 50), 0.03),
    ("light", 100.0 * 4 / 3 * math.pi * 60.0, 0.02), ("avg", 100.0, 0.01), ("max", 101.5, 0.015),
])  # fmt: skip
def test_an_ellipsoid_is_measured_as_it_is(egg, name, true, within):
    assert egg[f"ssc_{name}"] == pytest.approx(true, rel=within)


def test_a_brighter_cell_is_no_larger():
    volume = 1000.0 * ndimage.gaussian_filter(ellipsoid((4.0, 4.0, 4.0)), 2.0)
    volume += np.random.default_rng(2).normal(0.0, 1.0, volume.shape).astype(np.float32)
    dim, bright = (channel_features(SIDE, k * volume, disc(5.0), PIXEL_UM)["ssc_ball_um"] for k in (1.0, 50.0))
    assert bright == pytest.approx(dim, rel=1e-3)


def test_noise_alone_has_no_features():
    volume = np.random.default_rng(3).normal(0.0, 1.0, (N, N, N)).astype(np.float32)
    found = channel_features(STAIN, volume, disc(5.0), PIXEL_UM)
    assert found["gfp_volume_um3"] < 4.0
    rest = [value for name, value in found.items() if name not in ("gfp_volume_um3", "gfp_threshold")]
    assert np.isnan(rest).all()
    nowhere = ObjectMask(np.zeros((N, N), dtype=bool))
    assert np.isnan(list(channel_features(STAIN, volume, nowhere, PIXEL_UM).values())).all()


def test_granules_are_counted():
    even = 100.0 * ndimage.gaussian_filter(ellipsoid((5.0, 5.0, 5.0)), 2.0)
    places = [(0, 0, 0), (12, 0, 0), (-12, 4, 0), (0, 12, 4), (0, -12, 0), (4, 4, 12), (-4, -4, -12)]
    points = np.zeros_like(even)
    for place in places:
        points[tuple(np.array(place) + N // 2)] = 2e4
    grainy = even + ndimage.gaussian_filter(points, 2.0)
    assert channel_features(SIDE, grainy, disc(6.0), PIXEL_UM)["ssc_spots"] == len(places)


def test_granules_raise_the_granularity():
    even = 100.0 * ndimage.gaussian_filter(ellipsoid((5.0, 5.0, 5.0)), 2.0)
    points = np.where(np.random.default_rng(5).random(even.shape) < 2e-3, 1e5 * even / 100.0, 0.0)
    grainy = (even + ndimage.gaussian_filter(points, 2.0)).astype(np.float32)
    smooth, rough = (channel_features(SIDE, volume, disc(6.0), PIXEL_UM) for volume in (even, grainy))
    assert rough["ssc_granularity"] > 1.15 * smooth["ssc_granularity"]


def test_grain_and_spots_are_what_plain_loops_give():
    rng = np.random.default_rng(4)
    light = rng.random((9, 7, 11)).astype(np.float32)
    inside = (rng.random(light.shape) < 0.7).astype(np.float32)
    squares = []
    for axis in range(3):
        for k in range(light.shape[axis] - 2):
            a, b = light.take(k, axis), light.take(k + 2, axis)
            both = (inside.take(k, axis) * inside.take(k + 2, axis)).astype(bool)
            squares += ((a - b)[both] ** 2).tolist()
    assert grain(light, inside, 2) == pytest.approx(math.sqrt(np.mean(squares)), rel=1e-5)
    assert spots(light, 0.5) == np.sum((ndimage.maximum_filter(light, 3) == light) & (light > 0.5))


def test_principal_variances_are_the_eigenvalues():
    for seed in range(20):
        half = np.random.default_rng(seed).normal(size=(3, 3))
        matrix = half @ half.T
        found = principal_variances(*np.diag(matrix), matrix[0, 1], matrix[0, 2], matrix[1, 2])
        np.testing.assert_allclose(found, np.linalg.eigvalsh(matrix)[::-1], rtol=1e-6, atol=1e-9)


def stained(kind: str, seed: int) -> tuple[dict[str, float], float]:
    """Simulated: a cell's stain as the optics show it, with the true area of the stain over that of the cell."""
    optics = instrument_preset("sheet-real").light_sheet
    cell = draw_specimen(kind, np.random.default_rng(seed))
    volume = blurred_scatter(cell.fluorophores, AXIS_UM.astype(np.float32), optics, N, PIXEL_UM, 510.0)
    outline = disc(cell.diameter_um / 2)
    found = channel_features(STAIN, np.ascontiguousarray(volume.transpose(1, 2, 0)), outline, PIXEL_UM)
    return found, cell.facts["gfp_area_ratio"]


def test_the_stained_part_of_a_cell_and_where_it_lies_are_found():
    moved, stayed = ([stained(kind, seed) for seed in range(8)] for kind in ("hek-gr-dex", "hek-gr-untreated"))
    found, true = np.array([(one["gfp_area_ratio"], ratio) for one, ratio in moved + stayed]).T
    assert np.median(abs(found - true)) < 0.08
    assert np.corrcoef(found, true)[0, 1] > 0.9
    in_nucleus = [one["gfp_centre_ratio"] for one, ratio in moved if ratio < 0.6]
    assert min(in_nucleus) > max(one["gfp_centre_ratio"] for one, _ in stayed)


def test_an_even_ball_has_a_centre_ratio_of_one():
    found = channel_features(STAIN, 100.0 * ellipsoid((6.0, 6.0, 6.0)), disc(6.0), PIXEL_UM)
    assert found["gfp_centre_ratio"] == pytest.approx(1.0, abs=0.1)


def test_only_volumes_that_are_made_are_measured(sheet):
    transform, events = transform_for(sheet.instrument), sheet.events()
    assert np.isnan(transform.images(events).features["side_scatter_volume_um3"]).all()
    made = transform.images(events, transform.channels, cells_first=True)
    assert np.array_equal(np.isfinite(made.features["side_scatter_volume_um3"]), made.is_cell)
