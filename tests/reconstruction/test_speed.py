"""A wrong speed smears a volume over its own size: it must be right, and its error must say how right it is."""

import math

import numpy as np
import pytest

from reconstruction.light_sheet.speed_comb import fit_comb
from reconstruction.light_sheet.speed_kernels import QUIET, ScanGrid, half_chords, scan_rows, shadow_middle
from reconstruction.light_sheet.speed_meter import SpeedMeter
from reconstruction.light_sheet.speed_slits import fit_slits
from reconstruction.speed import SpeedSource, nominal_speed

NOMINAL = 0.01
"""um per tick."""
SCANS = ScanGrid(start_tick=-1500.0, period_ticks=100.0, active_ticks=90.0)
MASK_Y = np.arange(20) * 20.0


def comb(speed, half_um=4.0, disturbed=None):
    """Silhouettes of a ball that passes y = 0 at tick 0: `(n_scans, rows)`; it may pass one pinhole elsewhere."""
    rows = 18
    ticks = SCANS.start_tick + SCANS.period_ticks * np.arange(460)[:, None] + (np.arange(rows) + 0.5) * 5.0
    weights = np.zeros(ticks.shape, dtype=np.float32)
    for i in range(5, 15):
        moved = 3.0 if i == disturbed else 0.0
        y = MASK_Y[i] + moved - speed * ticks
        weights += np.sqrt(np.maximum(half_um**2 - y**2, 0.0))
    return weights


def measured(weights, half_um=4.0):
    rows, reach = weights.shape[1], 10
    outline = np.pad(weights, ((reach, reach), (0, 0)))
    return fit_comb(outline, reach, SCANS, np.full(rows, half_um), 0.0, 0.0, MASK_Y, NOMINAL, reach)


@pytest.mark.parametrize("relative", [0.9, 0.97, 1.0, 1.033, 1.1])
def test_the_comb_gives_the_speed_wherever_it_is(relative):
    fit = measured(comb(relative * NOMINAL))
    assert fit.source is SpeedSource.COMB
    assert fit.speed_um_per_tick == pytest.approx(relative * NOMINAL, rel=3e-4)
    assert abs(fit.start_tick) < 10.0
    assert np.count_nonzero(np.isfinite(fit.residuals_um)) == 10


def test_a_pinhole_that_debris_passes_does_not_spoil_the_speed():
    fit = measured(comb(NOMINAL, disturbed=8))
    assert fit.speed_um_per_tick == pytest.approx(NOMINAL, rel=1e-3)
    assert np.nanargmax(np.abs(fit.residuals_um)) == 8


def test_nothing_at_the_pinholes_leaves_the_nominal_speed_and_no_known_error():
    fit = measured(np.zeros((460, 18), dtype=np.float32))
    assert fit.source is SpeedSource.NOMINAL
    assert math.isinf(fit.error_um_per_tick)
    assert fit.speed_um_per_tick == nominal_speed(NOMINAL, 0.0, 0.0).speed_um_per_tick == NOMINAL


def test_a_speed_that_is_not_the_only_one_is_refused():
    """Light at every third pinhole only: seen from the slit, other speeds bring it to other pinholes as well."""
    ticks = SCANS.start_tick + SCANS.period_ticks * np.arange(460)[:, None] + (np.arange(18) + 0.5) * 5.0
    light = np.zeros(ticks.shape, dtype=np.float32)
    for path in (190.0, 210.0, 230.0):
        light += np.sqrt(np.maximum(16.0 - (path - NOMINAL * ticks) ** 2, 0.0))
    assert math.isinf(measured(light).error_um_per_tick)


def test_the_middle_of_a_shadow_is_that_of_the_samples_and_not_of_the_scans():
    shadow = np.zeros((3, 18), dtype=np.float32)
    shadow[1, 17] = 1.0
    assert shadow_middle(shadow, SCANS) == pytest.approx(-1400.0 + 17.5 * 5.0)
    assert math.isnan(shadow_middle(np.zeros_like(shadow), SCANS))


def test_a_row_without_contrast_is_as_long_as_the_rows_beside_it():
    shadow = np.zeros((12, 5), dtype=np.float32)
    shadow[2:8, 1] = shadow[1:11, 3] = 0.2
    np.testing.assert_allclose(half_chords(shadow, 1.0), [0.0, 3.0, 3.0, 5.0, 0.0])


@pytest.mark.parametrize("relative", [False, True])
def test_rows_of_scans_are_sums_of_their_samples_above_the_empty_level(relative):
    rng = np.random.default_rng(4)
    samples = rng.integers(900, 1100, (1000, 2)).astype(np.int16)[:, 1]
    level, noise, first_tick = rng.uniform(950, 1000, 420).astype(np.float32), 7.0, 5000.0
    scans = ScanGrid(4987.3, 100.4, 90.2)
    found = np.zeros((11, 7), dtype=np.float32)
    scan_rows(samples, level, noise, scans, first_tick, relative, found)
    for n, r in np.ndindex(found.shape):
        begin = scans.start_tick + n * scans.period_ticks
        ticks = first_tick + np.arange(1000)
        low, high = (begin + k * scans.active_ticks / 7 for k in (r, r + 1))
        mine = (ticks >= low) & (ticks < high)
        empty = level[((ticks[mine][:1] - begin) * 4).astype(int) + 4 * np.arange(mine.sum())] if mine.any() else 0.0
        above, least = float(np.sum(samples[mine]) - np.sum(empty)), QUIET * noise * math.sqrt(mine.sum())
        excess = max((abs(above) if relative else above) - least, 0.0)
        share = max(float(np.sum(empty)) if relative else float(mine.sum()), 1.0)
        assert found[n, r] == pytest.approx(excess / share, abs=2e-3)


def test_the_speeds_of_simulated_cells_are_right_and_their_errors_honest(sheet):
    meter = SpeedMeter(sheet.instrument)
    side = 1
    pulls, errors = [], []
    for event in sheet.events():
        if event.flags:
            continue
        nearest = np.argmin(np.abs(sheet.truth["tick"] - event.trigger_tick))
        true = float(sheet.truth["speed_m_s"][nearest]) * 1e6 / sheet.instrument.sample_rate_hz
        fit = meter.measure(event, side)
        errors.append(abs(fit.speed_um_per_tick / true - 1.0))
        pulls.append((fit.speed_um_per_tick - true) / fit.error_um_per_tick)
    assert len(errors) >= 5
    assert np.median(errors) < 0.0015
    assert np.max(np.abs(pulls)) < 4.0


def shadow(passes_tick, speed, n, first_scan, seed):
    """Shadow of a ball, `(n, rows)`, with noise, of the scans from `first_scan` on."""
    scans = ScanGrid(first_scan * 100.0, 100.0, 90.0)
    ticks = scans.start_tick + 100.0 * np.arange(n)[:, None] + (np.arange(18) + 0.5) * 5.0
    z = np.arange(18) - 8.5
    inside = 25.0 - z**2 - (speed * (ticks - passes_tick)) ** 2
    noise = 0.02 * np.random.default_rng(seed).standard_normal((n, 18))
    return np.where(inside > 0, np.maximum(0.3 + noise, 0), 0.0).astype(np.float32), scans


@pytest.mark.parametrize("distance_um", [380.0, -60.0])
def test_two_slits_give_the_speed_within_a_thousandth(distance_um):
    speed = 1.043 * NOMINAL
    first, first_scans = shadow(1037.0, speed, 24, 0, 1)
    later = round((distance_um / NOMINAL) / 100.0) - 60
    second, second_scans = shadow(1037.0 + distance_um / speed, speed, 150, later, 2)
    fit = fit_slits(first, first_scans, 0.0, second, second_scans, distance_um)
    assert fit.source is SpeedSource.TWO_SLITS
    assert fit.speed_um_per_tick == pytest.approx(speed, rel=1e-3 * max(1.0, 60.0 / abs(distance_um) * 3))
    assert fit.start_tick == pytest.approx(1037.0, abs=10.0)


def test_a_second_slit_that_sees_nothing_of_the_cell_is_not_used():
    first, scans = shadow(1037.0, NOMINAL, 24, 0, 1)
    assert fit_slits(first, scans, 0.0, np.zeros((150, 18), dtype=np.float32), scans, 380.0) is None
    assert fit_slits(first, scans, 0.0, first[:10], scans, 380.0) is None
