"""The converter against closed forms: effective bits, cores, bow and aperture set how small a signal can be seen."""

import math

import numpy as np
import pytest

from acquisition.instrument import Digitizer
from simulator.electronics.converter import AnalogDigital, enob_noise
from simulator.electronics.settings import Converter
from tests.simulator.electronics_parts import electronics

RATE_HZ = 100e6


def rng(seed=1):
    return np.random.default_rng(seed)


def digitize(signal, bits=12, noise=0.0, cores=1, first_tick=0, **converter):
    adc = AnalogDigital(
        Digitizer(sample_rate_hz=RATE_HZ, bits=bits, interleave_cores=cores), Converter(**converter), [noise]
    )
    return adc.convert(np.asarray(signal, dtype=np.float32)[:, None], first_tick, rng())[:, 0]


def sine(share, n=200_000, bits=12, fill=0.98, hz_per_rate=0.01234):
    return fill * 2 ** (bits - 1) * share * np.sin(2 * np.pi * hz_per_rate * np.arange(n) + 0.3)


def residual(counts, hz_per_rate=0.01234):
    """What is left of samples after the best sine and constant (IEEE 1241)."""
    turns = 2 * np.pi * hz_per_rate * np.arange(counts.size)
    basis = np.stack([np.sin(turns), np.cos(turns), np.ones(counts.size)], axis=1)
    fit, *_ = np.linalg.lstsq(basis, counts.astype(np.float64), rcond=None)
    return np.hypot(fit[0], fit[1]), counts - basis @ fit


@pytest.mark.parametrize(("bits", "enob"), [(8, 7.0), (12, 8.5), (12, 11.0), (14, 11.5), (16, 12.5), (12, None)])
def test_a_sine_shows_the_effective_bits_asked_for(bits, enob):
    amplitude, rest = residual(digitize(sine(1.0, bits=bits), bits, enob=enob))
    # The effective bits belong to a sine of full scale.
    sinad_db = 20 * math.log10(amplitude / math.sqrt(2) / rest.std()) - 20 * math.log10(amplitude / 2 ** (bits - 1))
    assert (sinad_db - 1.76) / 6.02 == pytest.approx(enob or bits, abs=0.1)


def test_amplifier_and_converter_noise_add_up_and_are_white():
    rest = digitize(np.full(400_000, 3.3), noise=2.0, enob=9.0) - 3.3
    expected = 4.0 + enob_noise(12, 9.0) ** 2 + 1 / 12
    assert rest.var() == pytest.approx(expected, rel=0.01)
    assert rest.mean() == pytest.approx(0, abs=4 * math.sqrt(expected / rest.size))
    assert abs((rest[1:] * rest[:-1]).mean() / rest.var()) < 4.5 / math.sqrt(rest.size)
    assert enob_noise(8, 8.0) == enob_noise(8, 9.0) == enob_noise(8, None) == 0.0


def test_without_noise_counts_are_rounded_and_clipped_as_numpy_would():
    signal = rng().normal(0, 1200, 20_000).astype(np.float32)
    for bits, dtype in ((8, np.int8), (12, np.int16), (16, np.int16)):
        counts = digitize(signal, bits)
        half = 2 ** (bits - 1)
        assert counts.dtype == dtype
        np.testing.assert_array_equal(counts, np.clip(np.floor(signal + np.float32(0.5)), -half, half - 1))


def test_every_core_has_its_offset_gain_and_skew_at_its_own_ticks():
    offsets, gains, skews = (0.0, -20.0, 5.0, -35.0), (1.0, 1.01, 0.98, 1.0), (0.0, 1e-9, -2e-9, 0.5e-9)
    ramp = 0.7071 * np.arange(2000) - 700.0
    first = 8_000_000_003
    settings = {"core_offsets_counts": offsets, "core_gains": gains, "core_skews_s": skews}
    counts = digitize(ramp, 14, cores=4, first_tick=first, **settings)
    core = (first + np.arange(2000)) % 4
    slow = (ramp + 0.7071 * np.array(skews)[core] * RATE_HZ) * np.array(gains)[core] + np.array(offsets)[core]
    assert np.abs(counts - slow).max() <= 0.51
    for k in range(4):
        assert (counts - slow)[core == k].mean() == pytest.approx(0, abs=0.06), k


def test_skew_moves_a_sine_by_its_time():
    skew_s = 2e-9
    counts = digitize(sine(1.0, 100_000, 16), 16, cores=2, core_skews_s=(0.0, skew_s)).astype(np.float64)
    turns = 2 * np.pi * 0.01234 * np.arange(counts.size)
    phase = [np.angle((counts * np.exp(-1j * turns))[k::2].sum()) for k in (0, 1)]
    assert phase[1] - phase[0] == pytest.approx(2 * np.pi * 0.01234 * RATE_HZ * skew_s, rel=0.02)


def test_the_transfer_curve_bows_by_its_figure_and_keeps_its_ends():
    levels = np.linspace(-2000, 2000, 41)
    counts = digitize(np.repeat(levels, 4000), 12, noise=1.0, inl_counts=6.0).reshape(41, -1).mean(axis=1)
    np.testing.assert_allclose(counts - levels, 6 * (1 - (levels / 2048) ** 2), atol=0.08)


@pytest.mark.parametrize("hz_per_rate", [0.01234, 0.0345])
def test_an_uncertain_aperture_limits_the_signal_to_noise_of_a_sine(hz_per_rate):
    jitter_s = 0.01 / (2 * math.pi * hz_per_rate * RATE_HZ)
    counts = digitize(sine(1.0, 200_000, 16, hz_per_rate=hz_per_rate), 16, jitter_s=jitter_s)
    amplitude, rest = residual(counts, hz_per_rate)
    snr_db = 20 * math.log10(amplitude / math.sqrt(2) / rest.std())
    assert snr_db == pytest.approx(-20 * math.log10(2 * math.pi * hz_per_rate * RATE_HZ * jitter_s), abs=0.15)
    still = digitize(np.full(1000, 77.0), 16, jitter_s=jitter_s)
    assert (still == 77).all()


@pytest.mark.parametrize("n", [1, 2, 1365, 1366, 3000, 10_000])
def test_channels_and_chunks_do_not_mix(n):
    # Three channels do not divide a chunk evenly; the slow reference looks at one channel at a time.
    signal = rng(5).normal(0, 500, (n, 3)).cumsum(axis=0).astype(np.float32) / 20
    digitizer = Digitizer(sample_rate_hz=RATE_HZ, bits=14, interleave_cores=4)
    converter = Converter(core_offsets_counts=(0, 10, 20, 30), core_skews_s=(0, 4e-9, -4e-9, 1e-9), inl_counts=3)
    counts = AnalogDigital(digitizer, converter, [0.0, 0.0, 0.0]).convert(signal, 2, rng())
    core = (2 + np.arange(n)) % 4
    shift = np.array([0, 0.4, -0.4, 0.1])[core]
    for c in range(3):
        x = signal[:, c].astype(np.float64)
        around = np.concatenate([2 * x[:1] - x[1:2], x, 2 * x[-1:] - x[-2:-1]]) if n > 1 else np.repeat(x, 3)
        late = np.maximum(shift, 0) * (around[2:] - x) + np.minimum(shift, 0) * (x - around[:-2])
        seen = x + late + np.array([0, 10, 20, 30])[core]
        seen = np.clip(seen + 3 * (1 - np.clip(seen / 8192, -1, 1) ** 2), -8192, 8191)
        assert np.abs(counts[:, c] - seen).max() < 0.52


def test_frames_convert_the_same_in_any_order_and_leave_the_signal_alone():
    settings = {"converter__enob": 7.0, "converter__jitter_s": 1e-12, "detectors__0__noise_counts": 0.9}
    chain = electronics(**settings)
    signal = rng(2).normal(0, 40, (20_000, 1)).astype(np.float32)
    kept = signal.copy()
    frames = [chain.convert(signal, frame, frame * 65_536) for frame in (0, 1, 2)]
    for frame in (2, 0, 1):
        np.testing.assert_array_equal(chain.convert(signal, frame, frame * 65_536), frames[frame])
    np.testing.assert_array_equal(signal, kept)
    assert not np.array_equal(frames[0], frames[1])
    assert frames[0].dtype == np.int8
