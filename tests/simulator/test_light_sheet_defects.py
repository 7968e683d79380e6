"""Every defect of the light sheet (specification A.5, A.6 and A.9), measured from what it does to the light."""

import numpy as np
import pytest
from sheet_parts import Specks, arrival, empty_light, seen, sheet, side_light, speck

from acquisition.instrument import Role
from simulator.optics.light_sheet import LightSheetModel
from simulator.optics.sheet_kernels import flyback
from simulator.optics.sheet_profile import sweep_of

UM_PER_US = 20.0 / 4.5
MARKER = 3


def marker_ticks(model: LightSheetModel, n: int = 300_000) -> np.ndarray:
    """Ticks of the marker's pulses, by their centroids, less half of their width."""
    light = empty_light(model, 0, n)[:, MARKER].astype(np.float64)
    edges = np.flatnonzero((light > 0) & (np.roll(light, 1) == 0))
    ticks = np.arange(n)
    pulses = [(light[e - 1 : e + 10], ticks[e - 1 : e + 10]) for e in edges if 1 <= e < n - 10]
    return np.array([np.sum(p * t) / np.sum(p) for p, t in pulses]) - 0.025 * 150.0


def test_the_marker_stands_at_the_start_of_every_scan():
    """A scan clock locked on the marker gives the phase of every sample, to 30 ns (G.3)."""
    model = LightSheetModel(sheet(), seed=4)
    found = marker_ticks(model)
    starts = model.clock.periods(0, 300_000).starts
    nearest = starts[np.searchsorted(starts, found - 75.0)]
    assert found.size in (1999, 2000)
    assert np.abs(found - nearest).max() / 30.0 < 0.005
    assert empty_light(model, 0, 3000)[:, MARKER].max() == pytest.approx(1e6, rel=0.1)


@pytest.mark.parametrize("jitter_ns", [2.0, 20.0])
def test_scans_start_as_unevenly_as_asked(jitter_ns):
    """Locking on single scans would pass every test and fail on the instrument."""
    model = LightSheetModel(sheet(clock__jitter_s=jitter_ns * 1e-9), seed=4)
    found = marker_ticks(model)
    late = found - np.polyval(np.polyfit(np.arange(found.size), found, 1), np.arange(found.size))
    assert late.std() / 30e6 * 1e9 == pytest.approx(jitter_ns, rel=0.1)


def test_a_slip_moves_every_later_scan_and_breaks_none_of_the_light():
    """Re-locking within 5 scans (G.6) can only be tried where the phase really jumps."""
    model = LightSheetModel(sheet(clock__slips_per_s=1000.0, optics__flyback_mix=True, detectors__0__stray=5.0), seed=4)
    gaps = np.diff(model.clock.periods(0, 300_000).starts)
    slipped = np.abs(gaps - 150.0) > 1.0
    light = empty_light(model, 0, 300_000)
    assert 3 <= slipped.sum() <= 25
    assert np.isfinite(light).all()
    assert light.min() >= 0.0
    assert light[:, 0].max() == pytest.approx(6005.0, rel=1e-3)


def test_the_scan_clock_drifts():
    model = LightSheetModel(sheet(clock__offset_ppm=200.0), seed=4)
    found = marker_ticks(model)
    assert np.polyfit(np.arange(found.size), found, 1)[0] == pytest.approx(150.0 / (1 + 200e-6), rel=2e-6)


def test_the_deflector_is_less_efficient_towards_the_ends():
    """Volumes are divided by this: E = 1 - b (2u - 1)^2, and dark between two scans."""
    model = LightSheetModel(sheet(instrument__optics__scan__efficiency_roll_off=0.3), seed=2)
    light = empty_light(model, 0, 15_000)[:, 0]
    phase = ((np.arange(15_000) - model.clock.origin_tick) / 150.0) % 1.0
    u = phase / 0.9
    expected = np.where(u < 1, 6000.0 * (1 - 0.3 * (2 * u - 1) ** 2), 0.0)
    clear = np.abs(phase - 0.9) > 1e-3
    np.testing.assert_allclose(light[clear & (phase > 1e-3)], expected[clear & (phase > 1e-3)], rtol=1e-3)


def test_side_light_fades_towards_the_ends_like_the_beam():
    levels = {}
    for z in (0.0, 9.0):
        setups = sheet(instrument__optics__scan__efficiency_roll_off=0.3), sheet()
        faded, plain = (side_light(LightSheetModel(s, seed=2), arrival(speck(), z_um=z))[1].sum() for s in setups)
        levels[z] = faded / plain
    assert levels[9.0] / levels[0.0] == pytest.approx(1 - 0.3 * 0.9**2, abs=0.01)


def test_light_comes_from_both_chirps_in_the_dead_time():
    """What is not masked there is light of the wrong height (A.5): of the end first, then of the next beginning."""
    model = LightSheetModel(sheet(optics__flyback_mix=True, optics__dark_efficiency=0.5), seed=2)
    late = {}
    for z in (10.0, -10.0):
        view = seen(model, arrival(speck(), z_um=z))
        dead = (view.scan_us > 4.5).astype(float)
        assert np.sum(view.light * dead) > 0.02 * np.sum(view.light)
        late[z] = view.mean((view.scan_us - 4.5) / 0.5, dead)
    assert late[10.0] < 0.35
    assert late[-10.0] > 0.65
    assert late[10.0] + late[-10.0] == pytest.approx(1.0, abs=0.1)
    dark = LightSheetModel(sheet(optics__flyback_mix=False), seed=2)
    view = seen(dark, arrival(speck(), z_um=10.0))
    assert np.sum(view.light[view.scan_us > 4.5]) == 0.0


def test_the_shares_of_both_chirps_ramp_linearly_over_the_fill_time():
    setup = sheet(optics__flyback_mix=True, optics__dark_efficiency=0.5)
    sweep = sweep_of(setup.instrument.light_sheet.scan, setup.sheet)
    for share in (0.0, 0.25, 0.5, 0.999):
        old, bright_old, new, bright_new = flyback(sweep, 0.9 + 0.1 * share)
        assert bright_old == pytest.approx(0.5 * (1 - share), abs=1e-6)
        assert bright_new == pytest.approx(0.5 * share, abs=1e-6)
        assert 1.0 <= old <= 1.06
        assert -0.06 <= new <= 0.0


def test_transmission_between_two_scans_shows_both_ends_too():
    """A shade at the upper end only is seen half by the first half of the dead time."""
    setup = sheet(optics__flyback_mix=True, optics__dark_efficiency=0.4)
    model = LightSheetModel(setup, seed=2)
    shadow = model.shadow(arrival(Specks(diameter_um=10.0), z_um=9.0))
    light = empty_light(model, shadow.first_tick, shadow.end_tick - shadow.first_tick)
    before = light.copy()
    shadow.lay(shadow.first_tick, light)
    ticks = shadow.first_tick + np.arange(light.shape[0])
    phase = ((ticks - model.clock.origin_tick) / 150.0) % 1.0
    near = np.abs(ticks - 20_000) < 150
    share = light[:, 0] / before[:, 0]
    through = [np.mean(share[near & (phase > low) & (phase < low + 0.02)]) for low in (0.90, 0.98)]
    assert through[0] == pytest.approx(0.55, abs=0.08)
    assert through[1] == pytest.approx(0.95, abs=0.05)
    assert before[(phase > 0.91), 0].mean() == pytest.approx(0.4 * 6000, rel=0.02)


def test_pinholes_let_through_more_or_less_and_stand_a_little_off():
    """Uneven pinholes stripe a volume along x (+-10 %, +-0.1 um in A.9): flat-fielding must find what was put in."""
    setup = sheet(optics__pinhole_transmission_cv=0.10, optics__pinhole_position_um=0.10)
    passes, offsets = [], []
    for seed in range(6):
        model = LightSheetModel(setup, seed)
        column = np.concatenate([[[0, 0, x, 1.0]] for x in model.columns_um]).astype(np.float32)
        passing = arrival(Specks(column), speed_m_s=0.05, tick=90_000.0)
        uneven, even = seen(model, passing), seen(LightSheetModel(sheet(), seed), passing)
        for i in range(20):
            near = [(np.abs(v.path_um - 20 * i) < 10).astype(float) for v in (uneven, even)]
            passes.append(np.sum(uneven.light * near[0]) / np.sum(even.light * near[1]))
            offsets.append(uneven.mean(uneven.path_um, near[0]) - 20 * i)
        np.testing.assert_allclose(passes[-20:], model.pinholes[:, 1], rtol=0.01)
        np.testing.assert_allclose(offsets[-20:], model.pinholes[:, 0] - 20 * np.arange(20), atol=0.02)
    assert np.std(passes) == pytest.approx(0.10, rel=0.2)
    assert np.std(offsets) == pytest.approx(0.10, rel=0.25)


def test_stray_light_has_a_pattern_along_the_scan():
    """A background of one number per channel would leave this pattern in every volume."""
    setup = sheet(detectors__1__stray=20.0, optics__stray_structure=0.4)
    light = empty_light(LightSheetModel(setup, seed=3), 0, 150_000)[:, 1]
    lit = light[light > 0]
    assert lit.mean() == pytest.approx(20.0, rel=0.1)
    assert max(lit.max() - 20.0, 20.0 - lit.min()) == pytest.approx(8.0, rel=0.05)
    other = empty_light(LightSheetModel(setup, seed=4), 0, 150_000)[:, 1]
    assert np.abs(np.histogram(light, 20, (10, 30))[0] - np.histogram(other, 20, (10, 30))[0]).max() > 500


def test_stray_light_on_the_transmission_is_not_dimmed_by_cells():
    setup = sheet(detectors__0__stray=3000.0)
    model = LightSheetModel(setup, seed=3)
    shadow = model.shadow(arrival(Specks(diameter_um=12.0, passes=0.0)))
    light = empty_light(model, shadow.first_tick, shadow.end_tick - shadow.first_tick)
    assert light[:, 0].max() == pytest.approx(9000.0)
    shadow.lay(shadow.first_tick, light)
    assert light[light[:, 0] > 0, 0].min() == pytest.approx(3000.0, rel=0.05)


@pytest.mark.parametrize("delay_us", [0.1, -0.2])
def test_a_late_channel_sees_everything_later(delay_us):
    """0.1 us of cable looks like 0.44 um of height (A.6), and moves the stray light as well."""
    setup = sheet(instrument__channels__1__delay_s=delay_us * 1e-6, detectors__1__stray=10.0)
    model, plain = LightSheetModel(setup, seed=3), LightSheetModel(sheet(detectors__1__stray=10.0), seed=3)
    late, prompt = (seen(m, arrival(speck(), z_um=2.0)) for m in (model, plain))
    assert late.mean(late.scan_us) - prompt.mean(prompt.scan_us) == pytest.approx(delay_us, abs=1e-3)
    assert (late.mean(late.scan_us) - prompt.mean(prompt.scan_us)) * UM_PER_US == pytest.approx(
        4.444 * delay_us, abs=0.005
    )
    transmission, moved = empty_light(model, 1000, 3000)[:, 0], empty_light(model, 1000, 3000)[:, 1]
    np.testing.assert_array_equal(transmission, empty_light(plain, 1000, 3000)[:, 0])
    np.testing.assert_array_equal(moved > 0, _late(transmission > 0, delay_us * 30))


def _late(lit: np.ndarray, samples: float) -> np.ndarray:
    """The same light so many samples later; the period is 150 samples."""
    return np.roll(lit, round(samples))


def test_a_cell_beside_the_axis_stands_elsewhere_in_height_and_column():
    """Lateral position (A.9) moves the image within the volume by just as much."""
    model = LightSheetModel(sheet(), seed=3)
    view = seen(model, arrival(speck(), x_um=2.5, z_um=-1.5))
    assert view.mean(view.scan_us) == pytest.approx(2.25 - 1.5 / UM_PER_US, abs=0.01)
    assert view.mean(np.round(view.path_um / 20.0)) == pytest.approx(12.0, abs=0.02)


def test_two_cells_add_on_the_side_and_multiply_in_the_beam():
    """Overlap (A.8) must look like overlap: nothing is lost, nothing goes below darkness."""
    setup = sheet()
    model = LightSheetModel(setup, seed=3)
    pair = [arrival(Specks(diameter_um=10.0, passes=0.3), tick=tick) for tick in (20_000.0, 20_300.0)]
    shadows = [model.shadow(one) for one in pair]
    first, n = shadows[0].first_tick, shadows[1].end_tick - shadows[0].first_tick
    empty = empty_light(model, first, n)
    both, single = empty.copy(), []
    for shadow in shadows:
        alone = empty.copy()
        shadow.lay(first, alone)
        shadow.lay(first, both)
        single.append(alone)
    np.testing.assert_allclose(both[:, 1], single[0][:, 1] + single[1][:, 1] - empty[:, 1], rtol=1e-4, atol=1e-4)
    lit = empty[:, 0] > 0
    np.testing.assert_allclose(both[lit, 0], (single[0][:, 0] * single[1][:, 0])[lit] / empty[lit, 0], rtol=1e-4)


def test_the_roles_of_the_channels_decide_what_they_see():
    model = LightSheetModel(sheet(), seed=3)
    assert [model.setup.instrument.channels[c].role for c in model.slits] == [Role.TRANSMISSION]
    pictures = model.shadow(arrival(Specks())).pictures
    assert [picture is None for picture in pictures] == [False, False, True, True]
