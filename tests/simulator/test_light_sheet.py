"""The light sheet turns z and y into time and x into a pinhole, to the numbers that calibration relies on."""

import numpy as np
import pytest
from sheet_parts import Seen, Specks, arrival, empty_light, seen, sheet, side_light, speck

from acquisition.geometry import scan_coefficients, sheet_height
from acquisition.instrument import Role
from simulator.optics.light_sheet import PIXEL_UM, LightSheetModel
from simulator.optics.scattering import blurred_scatter, sheet_sigma_um, side_sigma_um

UM_PER_US = 20.0 / 4.5


def at_pinhole(view: Seen, i: int) -> np.ndarray:
    """1 for the samples of a passage at one pinhole."""
    return (np.abs(view.path_um - 20.0 * i) < 10.0).astype(float)


def test_height_in_the_sheet_is_time_in_the_scan():
    """Every z of a volume would be wrong by the factor that this slope is wrong."""
    model = LightSheetModel(sheet(), seed=1)
    heights = np.linspace(-8, 8, 9)
    times = []
    for z in heights:
        view = seen(model, arrival(speck(), z_um=z))
        times.append(view.mean(view.scan_us))
    slope, offset = np.polyfit(times, heights, 1)
    assert slope == pytest.approx(UM_PER_US, rel=2e-3)
    assert -offset / slope == pytest.approx(2.25, abs=0.01)


def test_the_scan_bends_as_its_coefficients_say():
    """A table of heights calibrated on the simulator must hold on the instrument: A.5 asks for 0.1 um."""
    setup = sheet(instrument__optics__scan__a2=0.02, instrument__optics__scan__a3=0.005)
    model = LightSheetModel(setup, seed=1)
    for z in (-8.0, -3.0, 0.0, 5.0, 8.0):
        view = seen(model, arrival(speck(), z_um=z))
        turn = view.mean(view.scan_us) / 5.0
        assert sheet_height(turn, *scan_coefficients(setup.instrument.light_sheet.scan)) == pytest.approx(z, abs=0.03)


def test_a_triangle_runs_back_on_every_other_scan():
    """Every other row of an image would be upside down."""
    model = LightSheetModel(sheet(instrument__optics__scan__shape="triangle"), seed=1)
    view = seen(model, arrival(speck(), z_um=4.0))
    even, odd = view.scan % 2 == 0, view.scan % 2 == 1
    assert view.mean(view.scan_us, even) == pytest.approx(2.25 + 4.0 / UM_PER_US, abs=0.02)
    assert view.mean(view.scan_us, odd) == pytest.approx(2.25 - 4.0 / UM_PER_US, abs=0.02)


@pytest.mark.parametrize("i", [0, 7, 19])
def test_each_pinhole_sees_its_own_column_when_the_cell_has_come_to_it(i):
    """The x of a volume is the number of the pinhole: a cell at its column must be brightest there, and on time."""
    model = LightSheetModel(sheet(), seed=1)
    view = seen(model, arrival(speck(y_um=0.3), x_um=float(model.columns_um[i])))
    light = [float(np.sum(view.light * at_pinhole(view, k))) for k in range(20)]
    assert int(np.argmax(light)) == i
    # What leads by 0.3 um is seen when the centre has 0.3 um still to go.
    assert view.mean(view.path_um, at_pinhole(view, i)) == pytest.approx(20.0 * i - 0.3, abs=0.03)


def test_within_a_scan_the_cell_moves_on():
    """An inverse that takes the scan's number for y shears its planes (A.4); the simulator must let it fail."""
    model = LightSheetModel(sheet(), seed=1)
    place = {}
    for z in (-8.0, 8.0):
        view = seen(model, arrival(speck(), z_um=z))
        centre = at_pinhole(view, 10)
        assert view.mean(view.path_um, centre) == pytest.approx(200.0, abs=0.03)
        place[z] = view.mean(view.scan, centre) * 5.0 * 0.2
    assert place[-8.0] - place[8.0] == pytest.approx(0.2 * 16 / UM_PER_US, abs=0.05)


def test_the_sheet_is_thicker_away_from_its_focus():
    """Depth resolution at the edge of the field would be promised better than it is: w(x) of A.4."""
    setup = sheet()
    optics = setup.instrument.light_sheet
    model = LightSheetModel(setup, seed=1)
    for i, x in ((10, 0.5), (19, 9.5)):
        view = seen(model, arrival(speck(), x_um=x))
        expected = 0.5 * np.sqrt(1 + (x / 8.6) ** 2)
        assert view.spread(view.scan_us, at_pinhole(view, i)) * UM_PER_US == pytest.approx(expected, rel=0.03)
        assert sheet_sigma_um(optics, x) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("z_um", "beyond_um"), [(0.0, 0.0), (3.9, 0.0), (8.0, 4.0)])
def test_a_cell_off_the_focal_plane_is_blurred(z_um, beyond_um):
    """The ends of the scan are out of focus (A.4); a model that never saw that would not know such cells."""
    setup = sheet()
    model = LightSheetModel(setup, seed=1)
    view = seen(model, arrival(speck(), z_um=z_um, speed_m_s=0.02, tick=200_000.0))
    sigma = np.hypot(np.hypot(0.51 * 0.488 / 0.28 / 2.355, 1 / np.sqrt(12)), 0.28 / 1.335 * beyond_um)
    # Points are cut off at three standard deviations, which takes a hundredth of the width.
    assert view.spread(view.path_um, at_pinhole(view, 10)) == pytest.approx(sigma, rel=0.03)


def test_fluorescence_is_blurred_by_its_own_wavelength_and_excited_by_the_laser():
    """A deconvolution with the laser's wavelength would sharpen fluorescence wrongly."""
    glow = Specks(np.empty((0, 4), np.float32), np.array([[0, 0, 0, 1]], np.float32))
    model = LightSheetModel(sheet(instrument__channels__2__wavelength_nm=700.0), seed=1)
    view = seen(model, arrival(glow, speed_m_s=0.02, tick=200_000.0), Role.FLUORESCENCE)
    sigma = np.hypot(0.51 * 0.700 / 0.28 / 2.355, 1 / np.sqrt(12))
    assert view.spread(view.path_um, at_pinhole(view, 10)) == pytest.approx(sigma, rel=0.03)
    assert view.spread(view.scan_us, at_pinhole(view, 10)) * UM_PER_US == pytest.approx(0.5, rel=0.03)
    assert side_light(model, arrival(glow))[1].sum() == 0.0
    assert side_light(model, arrival(speck()), Role.FLUORESCENCE)[1].sum() == 0.0


def test_side_light_is_as_bright_as_the_detector_says():
    """Photon noise follows from the level: photoelectrons per um^2, over the widths of the blur."""
    setup = sheet(detectors__1__photoelectrons=300.0)
    optics = setup.instrument.light_sheet
    _, light = side_light(LightSheetModel(setup, seed=1), arrival(speck(), x_um=0.5, speed_m_s=0.02, tick=200_000.0))
    sheet_sigma, side = sheet_sigma_um(optics, 0.5), side_sigma_um(optics)
    height = 300.0 / (sheet_sigma * side**2)
    # The picture's grid is interpolated, which takes up to 6 % of the narrowest peak and nothing of its sum.
    assert 0.93 * height < light.max() < height
    at_one_pinhole = light.sum() / (30.0 / UM_PER_US) / (1 / (0.02 * 5.0)) / (1 + 2 * np.exp(-0.5 / side**2))
    assert at_one_pinhole == pytest.approx(height * 2 * np.pi * sheet_sigma * side, rel=0.03)


def test_splatting_is_the_sum_of_gaussians():
    """The separable kernel against the slow formula of A.4, point by point."""
    optics = sheet().instrument.light_sheet
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.normal(0, 3, (12, 3)), rng.random((12, 1))], axis=1).astype(np.float32)
    columns = np.array([-2.0, 0.0, 1.5], dtype=np.float32)
    axis = (np.arange(64) + 0.5 - 32) * PIXEL_UM
    expected = np.zeros((3, 64, 64))
    for z, y, x, strength in points.astype(float):
        sheet_sigma = sheet_sigma_um(optics, x)
        side = np.hypot(side_sigma_um(optics), 0.28 / 1.335 * max(0.0, abs(z) - 4.0))
        gauss_z, gauss_y = np.exp(-(((axis - z) / sheet_sigma) ** 2) / 2), np.exp(-(((axis - y) / side) ** 2) / 2)
        gauss_x = np.exp(-(((columns - x) / side) ** 2) / 2)
        expected += strength / (sheet_sigma * side**2) * gauss_x[:, None, None] * gauss_z[:, None] * gauss_y
    splat = blurred_scatter(points, columns, optics, 64, PIXEL_UM)
    assert np.abs(splat - expected).max() < 0.012 * expected.max()
    assert splat.sum() == pytest.approx(expected.sum(), rel=0.02)


def test_a_cell_dims_the_transmission_at_the_slit_and_nothing_else_does():
    """Detection counts these pulses: one for every cell, when it passes the slit, as deep as the cell is dark."""
    setup = sheet()
    model = LightSheetModel(setup, seed=1)
    shadow = model.shadow(arrival(Specks(diameter_um=10.0), tick=20_000.0))
    light = empty_light(model, shadow.first_tick, shadow.end_tick - shadow.first_tick)
    before = light.copy()
    shadow.lay(shadow.first_tick, light)
    ticks = shadow.first_tick + np.arange(light.shape[0])
    changed = light[:, 0] < 0.95 * before[:, 0]
    assert before[:, 0].max() == pytest.approx(6000.0)
    inside = (np.abs(ticks - 20_000) < 300) & (before[:, 0] > 0)
    assert np.quantile(light[inside, 0], 0.25) == pytest.approx(3000.0, rel=0.1)
    assert ticks[changed].min() == pytest.approx(20_000 - 5.5 / 0.2 * 30, abs=150)
    assert ticks[changed].max() == pytest.approx(20_000 + 5.5 / 0.2 * 30, abs=150)
    np.testing.assert_array_equal(light[:, 3], before[:, 3])


def test_the_image_of_an_edge_is_as_wide_as_slit_and_sheet():
    """Sharper images than the slit allows would teach features that no instrument shows."""
    widths = {}
    for width, waist in ((1.0, 1.0), (4.0, 1.0), (1.0, 3.0)):
        setup = sheet(instrument__optics__slits__0__width_um=width, instrument__optics__sheet_waist_um=waist)
        image = LightSheetModel(setup, seed=1).transmission(arrival(Specks(diameter_um=12.0)))
        middle = image.shape[0] // 2
        widths[width, waist] = [_rise(row) for row in (image[middle, :middle], image[:middle, middle])]
        assert image[2, 2] == pytest.approx(1.0, abs=0.02)
    along_y, along_z = zip(*widths.values(), strict=True)
    assert along_y[1] > 2 * along_y[0]
    assert along_z[2] > 2 * along_z[0]
    assert along_z[1] < 0.5 * along_y[1]
    assert along_y[2] < 0.5 * along_z[2]


def _rise(line: np.ndarray) -> float:
    """Width of an edge between a fifth and four fifths of its depth."""
    return float(np.sum((line > 0.6) & (line < 0.9)) * PIXEL_UM)


def test_two_slits_make_two_pulses_in_two_channels():
    """Speed from two slits (A.7, step 4a) is the distance over the time between them."""
    real = sheet()
    channel = {"name": "transmission_2", "role": "transmission"}
    slits = [{"y_um": 0.0, "width_um": 1.0}, {"y_um": 40.0, "width_um": 1.0}]
    held = real.model_dump(mode="json")
    held["instrument"]["channels"].append(channel)
    held["instrument"]["optics"]["slits"] = slits
    held["detectors"].append(held["detectors"][0])
    model = LightSheetModel(type(real).model_validate(held), seed=1)
    shadow = model.shadow(arrival(Specks(diameter_um=8.0), tick=20_000.0))
    light = empty_light(model, shadow.first_tick, shadow.end_tick - shadow.first_tick)
    missing = empty_light(model, shadow.first_tick, light.shape[0]) - light
    shadow.lay(shadow.first_tick, light)
    missing += empty_light(model, shadow.first_tick, light.shape[0]) - light
    ticks = np.arange(light.shape[0], dtype=float)
    times = [np.sum(ticks * missing[:, c]) / np.sum(missing[:, c]) for c in (0, 4)]
    assert times[1] - times[0] == pytest.approx(40.0 / 0.2 * 30, rel=0.01)


def test_large_cells_are_not_cut_by_the_grid():
    """A 24 um MCF7 or a doublet cut at the edge of its picture would be classified by the cut."""
    model = LightSheetModel(sheet(), seed=1)
    for radius in (3.5, 8.5, 12.0, 17.0):
        ring = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        points = np.stack([0 * ring, radius * np.cos(ring), radius * np.sin(ring), 1 + 0 * ring], axis=1)
        specimen = Specks(points.astype(np.float32), diameter_um=2 * radius)
        shadow = model.shadow(arrival(specimen, z_um=1.5))
        image, volume = shadow.pictures[0], shadow.pictures[1]
        assert np.abs(image[[0, -1], :] - 1).max() < 0.02 or image.shape[0] * PIXEL_UM > 24.0
        assert np.abs(image[:, [0, -1]] - 1).max() < 0.02
        placed = points.astype(np.float32) + np.array([1.5, 0, 0, 0], np.float32)
        wide = blurred_scatter(placed, model.columns_um, model.optics, 256, PIXEL_UM)
        assert volume.sum() == pytest.approx(wide.sum(), rel=1e-3)
        assert shadow.reach_um > radius + 1.5


def test_no_field_at_all_is_an_empty_beam():
    model = LightSheetModel(sheet(), seed=1)
    np.testing.assert_allclose(model.transmission(arrival(Specks(passes=1.0))), 1.0, atol=1e-5)
