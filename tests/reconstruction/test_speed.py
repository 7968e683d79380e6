"""A wrong speed smears a volume over its own size: it must be right, and its error must say how right it is."""

import math

import numpy as np
import pytest

from reconstruction.speed import SpeedSource, nominal_speed
from reconstruction.speed_comb import fit_comb
from reconstruction.speed_kernels import ScanGrid, centroid, comb_table, scan_moments
from reconstruction.speed_meter import SpeedMeter
from reconstruction.speed_slits import fit_slits

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
        moved = 5.0 if i == disturbed else 0.0
        y = MASK_Y[i] + moved - speed * ticks
        weights += np.sqrt(np.maximum(half_um**2 - y**2, 0.0))
    return weights


def measured(weights):
    sums, moments = np.empty(weights.shape[0]), np.empty(weights.shape[0])
    scan_moments(weights, SCANS, 0, sums, moments)
    return fit_comb(sums, moments, SCANS, comb_table(MASK_Y), 0.0, 0.0, MASK_Y, 6.0, NOMINAL)


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


def test_the_centroid_is_that_of_the_samples_and_not_of_the_scans():
    weights = np.zeros((3, 18), dtype=np.float32)
    weights[1, 17] = 1.0
    sums, moments = np.empty(3), np.empty(3)
    scan_moments(weights, SCANS, 2, sums, moments)
    tick, _ = centroid(sums, moments, SCANS, -1400.0, 300.0)
    assert tick == pytest.approx(-1400.0 + 17.5 * 5.0)


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
