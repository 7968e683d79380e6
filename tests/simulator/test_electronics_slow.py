"""Slow processes against their spectra: what drifts while cells are measured must drift as real instruments do."""

import numpy as np
import pytest

from simulator.electronics import slow
from simulator.electronics.flicker import Flicker
from simulator.electronics.slow import Tones


def rng(seed=1):
    return np.random.default_rng(seed)


def welch(signal, rate_hz, length):
    """One-sided density, per Hz, averaged over stretches under a Hann window."""
    window = np.hanning(length)
    parts = signal[: signal.size // length * length].reshape(-1, length)
    power = np.abs(np.fft.rfft((parts - parts.mean(axis=1, keepdims=True)) * window, axis=1)) ** 2
    return np.fft.rfftfreq(length, 1 / rate_hz), 2 * power.mean(axis=0) / (rate_hz * (window**2).sum())


@pytest.mark.parametrize("hz", [50.0, 7.3e3, 400e3])
def test_interpolated_tones_are_the_sinusoids_themselves(hz):
    rate_hz = 5e6
    tones = Tones(np.array([hz, 0.31 * hz]) / rate_hz, np.array([1.0, 0.4]), np.array([0.1, 0.7]))
    first = 123_456_789_012  # seven hours into a run
    ticks = first + np.arange(3000)
    reference = np.sin(2 * np.pi * (ticks * (hz / rate_hz) + 0.1)) + 0.4 * np.sin(
        2 * np.pi * (ticks * (0.31 * hz / rate_hz) + 0.7)
    )
    np.testing.assert_allclose(tones.along(first, 3000), reference, atol=2e-3)


def test_a_stretch_is_the_same_however_it_is_asked_for():
    tones = slow.wander(5.0, 5e6, rng(), None)
    whole = tones.along(1000, 70_000)
    parts = [tones.along(1000, 1), tones.along(1001, 1023), tones.along(2024, 68_976)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)
    flicker = Flicker.of(1.0, 1e4, 5e6, rng())
    whole = flicker.along(1000, 70_000)
    parts = [flicker.along(1000, 333), flicker.along(1333, 69_667)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


def test_the_wander_has_its_deviation_and_forgets_within_a_minute():
    rate_hz = 1000.0
    lags_s = np.array([0.0, 1.0, 5.0, 20.0, 100.0])
    values = np.array([slow.wander(3.0, rate_hz, rng(seed), None).at(lags_s * rate_hz) for seed in range(4000)])
    taus = np.geomspace(1, 60, 200)
    expected = 9 * np.exp(-lags_s[:, None] / taus).mean(axis=1)
    np.testing.assert_allclose((values[:, :1] * values).mean(axis=0), expected, atol=0.7)
    assert abs(values.mean()) < 0.15


def test_hum_is_a_tone_of_50_hz_and_a_weaker_third_harmonic():
    rate_hz = 50e3
    spectrum = np.abs(np.fft.rfft(slow.hum(4.0, rate_hz, rng(), None).along(0, 50_000))) / 25_000
    assert spectrum[50] == pytest.approx(4.0, rel=0.01)
    assert spectrum[150] == pytest.approx(1.2, rel=0.01)
    spectrum[[50, 150]] = 0
    assert spectrum.max() < 0.01


def test_flicker_noise_meets_the_white_noise_at_its_corner_and_falls_as_one_over_f():
    rate_hz, corner_hz, white = 5e6, 10e3, 2.0
    noise = Flicker.of(white, corner_hz, rate_hz, rng()).along(7, 1 << 21)
    hz, density = welch(noise.astype(np.float64), rate_hz, 1 << 16)
    floor = 2 * white**2 / rate_hz
    for low, high in ((500, 1e3), (2e3, 5e3), (8e3, 12.5e3), (30e3, 60e3), (90e3, 150e3)):
        band = (hz >= low) & (hz < high)
        expected = (floor * corner_hz / hz[band]).mean()
        assert density[band].mean() == pytest.approx(expected, rel=0.12), (low, high)
    # What straight lines between the entries add above is far below the white noise.
    assert density[hz > 300e3].max() < 0.1 * floor


def test_flicker_noise_does_not_come_again_where_one_of_its_tables_does():
    flicker = Flicker.of(1.0, 10e3, 5e6, rng())
    again = round(flicker.tables[0].size / flicker.per_tick[0])
    a, b = flicker.along(0, 50_000), flicker.along(again, 50_000)
    assert np.std(a - b) > 0.5 * np.std(a)


@pytest.mark.parametrize("loop", [100_000, 3_000_001])
def test_in_a_loop_everything_slow_closes(loop):
    stages = [
        slow.wander(5.0, 5e6, rng(), loop),
        slow.hum(2.0, 5e6, rng(), loop),
        slow.drift(0.02, 5e6, rng(), loop),
        Flicker.of(1.0, 1e4, 5e6, rng(), loop),
    ]
    for stage in stages:
        np.testing.assert_allclose(stage.along(0, 2000), stage.along(loop, 2000), atol=5e-3)
    seam = np.concatenate([stages[-1].along(loop - 1000, 1000), stages[-1].along(0, 1000)])
    assert np.abs(np.diff(seam)).max() < 0.05
