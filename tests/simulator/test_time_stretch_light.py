"""Empty lines: every defect of the light is measured on the light itself."""

import math
from itertools import pairwise

import numpy as np
import pytest
from stretch_parts import empty_light, quiet_setup

from acquisition.errors import ConfigError
from simulator.optics.envelope import line_table
from simulator.optics.pulses import DRIFT_REACH
from simulator.optics.time_stretch import TimeStretchModel
from simulator.presets import setup_preset


def line_energies(model, n_lines=4000):
    """Energy of each whole line, `(n_lines,)`, relative to the middle one."""
    n = int((n_lines + 3) * model.clock.period_ticks)
    light = empty_light(model, 0, n)[:, 0]
    starts = model.lines(0, n).starts[1 : n_lines + 2]
    edges = np.ceil(starts).astype(int)
    return np.add.reduceat(light, edges)[:n_lines] / np.median(np.add.reduceat(light, edges)[:n_lines])


def test_a_line_is_its_envelope_at_its_phase():
    setup = quiet_setup()
    model = TimeStretchModel(setup, seed=4)
    light = empty_light(model, 1000, 3000)[:, 0]
    lines = model.lines(1000, 3000)
    table = line_table("broad", 80.0)
    expected = np.zeros(3000)
    for start in lines.starts[:-1]:
        inside = np.arange(1000, 4000) - start
        lit = (inside >= 0) & (inside < 80.0)
        expected[lit] = np.interp(inside[lit], (np.arange(4096) + 0.5) * 80.0 / 4096, table.detected)
    np.testing.assert_allclose(light, expected * setup.detectors[0].photoelectrons, atol=500.0)
    assert light.max() == pytest.approx(setup.detectors[0].photoelectrons, rel=0.01)


@pytest.mark.parametrize("preset", ["stretch-ci", "atom-real", "atom-4g"])
def test_light_does_not_depend_on_how_the_stream_is_cut(preset):
    setup = setup_preset(preset).changed(
        {"optics.missing_pulses": 0.05, "optics.double_pulses": 0.1, "clock.trigger_jitter_samples": 1}
    )
    loop = None if setup.loop_s is None else round(setup.loop_s * setup.instrument.sample_rate_hz)
    model = TimeStretchModel(setup, seed=2, loop_samples=loop)
    whole = empty_light(model, 700, 9000)
    for cuts in ([1, 2, 3, 500], [344, 345, 4000, 8999], np.arange(100, 9000, 61).tolist()):
        edges = [0, *cuts, 9000]
        parts = [empty_light(model, 700 + a, b - a) for a, b in pairwise(edges)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_slip_of_the_clock_ends_a_line_early_and_the_next_begins_whole():
    model = TimeStretchModel(quiet_setup(clock__slips_per_s=5000.0), seed=2)
    whole = empty_light(model, 0, 200_000)
    parts = [empty_light(TimeStretchModel(model.setup, seed=2), first, 50_000) for first in range(0, 200_000, 50_000)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    starts = model.lines(0, 200_000).starts
    gaps = np.diff(starts)
    slipped = np.flatnonzero(np.abs(gaps - model.clock.period_ticks) > 1e-6)
    assert 3 <= slipped.size <= 25
    after = math.ceil(starts[slipped[0] + 1])
    other = math.ceil(starts[1])
    np.testing.assert_allclose(whole[after : after + 80], whole[other : other + 80], atol=0.15 * whole.max())


def test_another_seed_gives_other_pulses_and_the_same_seed_the_same():
    setup = setup_preset("stretch-ci")
    first, again, other = (empty_light(TimeStretchModel(setup, seed), 0, 5000) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_loop_repeats_exactly_and_has_no_seam():
    setup = setup_preset("atom-4g").changed(
        {"optics.missing_pulses": 0.01, "optics.envelope_drift_per_min": 1.0, "clock.trigger_jitter_samples": 1}
    )
    loop = 2931 * 1024 // 3
    model = TimeStretchModel(setup, seed=5, loop_samples=loop)
    seam = empty_light(model, loop - 20_000, 40_000)
    np.testing.assert_array_equal(empty_light(model, 0, 20_000), empty_light(model, loop, 20_000))
    np.testing.assert_array_equal(seam[20_000:], empty_light(model, 0, 20_000))
    period = model.clock.period_ticks
    assert loop / period == pytest.approx(round(loop / period), abs=1e-6)
    # Without jitter every line lies a period after the one before, across the seam as well.
    still = TimeStretchModel(quiet_setup("atom-4g"), seed=5, loop_samples=loop)
    lit = empty_light(still, loop - 20_000, 40_000)[:, 0]
    np.testing.assert_allclose(lit[19_500:20_500], np.roll(lit, 1024)[19_500:20_500], atol=0.003 * lit.max())


def test_pulses_differ_in_energy_as_much_as_asked_and_are_independent():
    energies = line_energies(TimeStretchModel(quiet_setup(laser__pulse_noise=0.03), seed=3))
    assert energies.std() == pytest.approx(0.03, rel=0.1)
    assert abs(np.corrcoef(energies[1:], energies[:-1])[0, 1]) < 0.06


def test_pulses_are_missing_as_often_as_asked():
    energies = line_energies(TimeStretchModel(quiet_setup(optics__missing_pulses=0.05), seed=3))
    assert np.mean(energies == 0) == pytest.approx(0.05, abs=0.012)


def test_double_pulses_come_as_often_as_asked_weaker_and_within_their_line():
    model = TimeStretchModel(quiet_setup(optics__double_pulses=0.1), seed=3)
    energies = line_energies(model)
    double = energies > 1.05
    assert np.mean(double) == pytest.approx(0.1, abs=0.02)
    assert energies.max() < 1.55
    n = 200_000
    light = empty_light(model, 0, n)[:, 0]
    starts = model.lines(0, n).starts
    phase = np.arange(n) - starts[np.searchsorted(starts, np.arange(n), side="right") - 1]
    assert light[phase > 82.0].max() > 0.2 * light.max()
    assert light[phase > 82.0].max() < 0.65 * light.max()


def test_an_external_trigger_moves_whole_lines_by_whole_samples():
    still = TimeStretchModel(quiet_setup(), seed=7)
    moved = TimeStretchModel(quiet_setup(clock__trigger_jitter_samples=2), seed=7)
    shift = moved.lines(0, 700_000).starts - still.lines(-2, 700_004).starts
    assert sorted(set(np.round(shift, 6).tolist())) == [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert shift.std() == pytest.approx(np.sqrt(2.0), rel=0.05)
    light, reference = empty_light(moved, 0, 40_000)[:, 0], empty_light(still, 0, 40_000)[:, 0]
    starts = np.ceil(still.lines(0, 40_000).starts[2:100]).astype(int)
    steps = shift[2:100].round().astype(int)
    for start, step in zip(starts, steps, strict=True):
        np.testing.assert_allclose(light[start + step : start + step + 80], reference[start : start + 80], rtol=1e-3)


def test_the_line_rate_is_off_by_as_much_as_asked():
    model = TimeStretchModel(quiet_setup(clock__offset_ppm=500.0), seed=1)
    assert np.diff(model.lines(0, 300_000).starts).mean() == pytest.approx(100e6 / 290e3 / 1.0005, rel=1e-7)


def test_the_brightness_drifts_at_the_rate_asked_and_stays_near():
    setup = quiet_setup(optics__envelope_drift_per_min=0.06)
    model = TimeStretchModel(setup, seed=1)
    per_minute = 60 * setup.instrument.sample_rate_hz
    first = empty_light(model, 0, 40_000).mean()
    assert empty_light(model, int(per_minute / 6), 40_000).mean() / first == pytest.approx(1.01, abs=1e-3)
    later = [empty_light(model, int(k * per_minute), 40_000).mean() / first for k in range(0, 60, 3)]
    assert max(later) < 1 + 1.1 * DRIFT_REACH
    assert min(later) > 1 - 1.1 * DRIFT_REACH


def test_the_two_lobed_pulse_has_the_figures_of_the_real_record():
    table = line_table("two-lobed", 20.75, response_samples=0.35)
    step = table.length_samples / table.detected.size
    relative = table.detected / table.detected.max()
    lit = np.flatnonzero(relative > 0.05)
    assert (lit[-1] - lit[0]) * step == pytest.approx(20.75, abs=0.3)
    assert (relative > 0.5).sum() * step == pytest.approx(5.0, abs=0.3)
    # Two lobes above one half, the first the higher one, and a longer tail after them than before.
    high = relative[1:-1]
    peaks = [i for i in np.flatnonzero((high > relative[:-2]) & (high > relative[2:])) if high[i] > 0.5]
    assert len(peaks) == 2
    assert high[peaks[0]] > high[peaks[1]]
    assert lit[-1] - peaks[1] > 1.5 * (peaks[0] - lit[0])
    assert table.detected[[0, -1]].max() < 1e-3


def test_a_slow_detector_spreads_the_light_and_loses_none():
    sharp, slow = line_table("broad", 80.0), line_table("broad", 80.0, response_samples=2.0)

    def moments(table):
        step = table.length_samples / table.detected.size
        place = table.begin_samples + (np.arange(table.detected.size) + 0.5) * step
        total = table.detected.sum() * step
        mean = (place * table.detected).sum() * step / total
        return total, mean, ((place - mean) ** 2 * table.detected).sum() * step / total

    (total, mean, variance), (slow_total, slow_mean, slow_variance) = moments(sharp), moments(slow)
    assert slow_total == pytest.approx(total, rel=1e-3)
    assert slow_mean == pytest.approx(mean, abs=0.01)
    assert slow_variance - variance == pytest.approx(4.0, rel=0.02)


def test_knife_edges_take_half_of_the_light_and_views_lie_at_their_delays():
    model = TimeStretchModel(quiet_setup("atom-4g", optics__line_width_samples=0.0), seed=1)
    n = 60_000
    light = empty_light(model, 0, n)[:, 0]
    starts = model.lines(0, n).starts
    phase = np.arange(n) - starts[np.searchsorted(starts, np.arange(n), side="right") - 1]
    energy = [light[(phase >= 60 * k) & (phase < 60 * k + 52)].sum() for k in range(5)]
    np.testing.assert_allclose(np.array(energy[1:]) / energy[0], 0.5, rtol=0.01)
    assert light[phase > 60 * 4 + 52].max() == 0.0
    assert light[(phase > 52.1) & (phase < 60)].max() == 0.0


def test_views_that_do_not_fit_into_the_line_are_refused():
    setup = setup_preset("atom-4g").changed({"instrument.optics.views.4.delay_samples": 330.0})
    with pytest.raises(ConfigError, match="take 385 samples, but a line has 341: make them narrower"):
        TimeStretchModel(setup, seed=1)
