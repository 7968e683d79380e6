"""Amplifier stages against closed forms: pulses, limits, filters; each is a defect that reconstruction has to stand."""

import math
from itertools import pairwise

import numpy as np
import pytest

from simulator.electronics.filters import AcCoupling, Echo, LowPass
from simulator.electronics.limits import Clamp, Droop, Saturation
from simulator.electronics.pulses import AfterPulses, PulseShape
from simulator.electronics.settings import Detector
from tests.simulator.electronics_parts import electronics, plain_setup

RATE_HZ = 100e6


def answer(stage, signal):
    out = np.array(signal, dtype=np.float32)
    stage.apply(out, 0)
    return out


def amplitude_at(stage, hz, rate_hz, n=40_000):
    """Height of the answer to a tone of height 1, once it has settled."""
    turns = 2 * np.pi * hz / rate_hz * np.arange(n)
    out = answer(stage, np.sin(turns))[n // 2 :].astype(np.float64)
    return abs(2 * np.mean(out * np.exp(-1j * turns[n // 2 :])))


@pytest.mark.parametrize("excess", [1.0, 1.2])
def test_after_pulses_come_as_often_and_as_late_as_they_should(excess):
    detector = Detector(photoelectrons=1, counts_per_photoelectron=2.0, excess_noise=excess, after_pulsing=0.003)
    stage = AfterPulses(detector, RATE_HZ, np.random.default_rng(1))
    train = np.zeros((2000, 1000), dtype=np.float32)
    train[:, 0] = 2.0 * 1000.0  # a thousand photoelectrons every 10 us
    after = answer(stage, train.reshape(-1)).reshape(train.shape) - train
    delays = np.flatnonzero(after.sum(axis=0))
    assert delays.min() >= 0.2e-6 * RATE_HZ
    assert delays.max() <= 5e-6 * RATE_HZ
    expected = 0.003 * 1000 * 2000
    assert after.sum() / 2.0 == pytest.approx(expected, abs=4 * math.sqrt(excess * expected))
    mean_delay = (after.sum(axis=0) * np.arange(1000)).sum() / after.sum()
    assert mean_delay == pytest.approx(260, abs=4 * 481 / math.sqrt(12 * expected))
    if excess == 1.0:
        assert set(np.unique(after)) <= {0.0, 2.0, 4.0, 6.0, 8.0}


@pytest.mark.parametrize("light", [30.0, 3e5])
def test_steady_light_has_its_after_pulses_from_the_first_sample_on(light):
    detector = Detector(photoelectrons=1, counts_per_photoelectron=1.0, after_pulsing=0.003)
    stage = AfterPulses(detector, RATE_HZ, np.random.default_rng(1))
    assert stage.settle(light) == pytest.approx(1.003 * light)
    signal = np.full(100_000, light, dtype=np.float32)
    after = answer(stage, signal) - signal
    for part in (after[:1000], after[1000:]):
        assert part.mean() == pytest.approx(0.003 * light, abs=4 * math.sqrt(0.003 * light / part.size))


def test_one_photoelectron_becomes_a_pulse_of_its_width_and_charge():
    rate_hz = 5e9
    signal = np.zeros(400)
    signal[20] = 1.0
    pulse = answer(PulseShape(2e-9, rate_hz), signal)
    above = np.flatnonzero(pulse > pulse.max() / 2)
    assert (above[-1] - above[0] + 1) / rate_hz == pytest.approx(2e-9, abs=0.25e-9)
    assert pulse.sum() == pytest.approx(1.0, rel=1e-5)
    rise = np.flatnonzero(pulse > 0.9 * pulse.max())[0] - np.flatnonzero(pulse > 0.1 * pulse.max())[0]
    assert 0.4e-9 <= rise / rate_hz <= 1.2e-9
    keep, states, slow = math.exp(-3.3952 / 10), np.zeros(3), []
    for x in signal:
        for k in range(3):
            states[k] = keep * states[k] + (1 - keep) * (x if k == 0 else states[k - 1])
        slow.append(states[2])
    np.testing.assert_allclose(pulse, slow, atol=1e-7)


def test_saturation_follows_its_curve_and_leaves_the_negative_alone():
    levels = np.array([-50.0, 0.0, 1.0, 100.0, 1000.0, 1e5])
    curve = answer(Saturation(1000.0), levels)
    np.testing.assert_allclose(curve[2:], levels[2:] / (1 + levels[2:] / 1000), rtol=1e-6)
    np.testing.assert_array_equal(curve[:2], levels[:2])


def test_the_gain_droops_with_the_mean_current_and_remembers_it():
    stage = Droop(500.0, 1e-4, RATE_HZ)
    out = answer(stage, np.full(100_000, 500.0))
    assert out[0] == pytest.approx(500.0, rel=1e-3)
    assert out[-1] == pytest.approx(250.0, rel=1e-3)
    held = 1 - math.exp(-1)  # after one memory
    assert out[9_999] == pytest.approx(500 / (1 + held), rel=1e-3)
    assert Droop(500.0, 1e-4, RATE_HZ).settle(500.0) == pytest.approx(250.0)


@pytest.mark.parametrize("poles", [1, 2])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.4])
def test_the_bandwidth_is_where_it_is_asked_for_and_falls_by_its_poles(poles, share):
    hz = share * RATE_HZ
    assert amplitude_at(LowPass(hz, poles, RATE_HZ), hz, RATE_HZ) == pytest.approx(math.sqrt(0.5), rel=1e-3)
    assert amplitude_at(LowPass(hz, poles, RATE_HZ), 0.01 * hz, RATE_HZ, 400_000) == pytest.approx(1.0, rel=1e-3)
    if share == 0.001:
        own = 10.0 if poles == 1 else 10.0 * math.sqrt(math.sqrt(2) - 1)
        assert amplitude_at(LowPass(hz, poles, RATE_HZ), 10 * hz, RATE_HZ) == pytest.approx(
            (1 + own**2) ** (-poles / 2), rel=0.01
        )


def test_the_coupling_has_its_corner_and_loses_the_mean_without_a_transient():
    corner_hz = 100e3
    assert amplitude_at(AcCoupling(corner_hz, RATE_HZ), corner_hz, RATE_HZ) == pytest.approx(math.sqrt(0.5), rel=1e-3)
    assert amplitude_at(AcCoupling(corner_hz, RATE_HZ), 100 * corner_hz, RATE_HZ) == pytest.approx(1.0, rel=1e-3)
    stage = AcCoupling(corner_hz, RATE_HZ)
    stage.settle(80.0)
    assert np.abs(answer(stage, np.full(1000, 80.0))).max() < 1e-4


def test_the_rail_holds_and_is_left_with_its_time_constant():
    recovery_s = 200e-9
    signal = np.zeros(400)
    signal[50:100] = 900.0
    signal[300] = -30.0
    out = answer(Clamp(500.0, recovery_s, RATE_HZ), signal)
    assert out.max() == 500.0
    assert (out[50:100] == 500.0).all()
    t = np.arange(1, 151) / RATE_HZ
    np.testing.assert_allclose(out[100:250], 500 * np.exp(-t / recovery_s), atol=0.01)
    assert out[300] == pytest.approx(-30.0, abs=0.05)
    assert answer(Clamp(500.0, 0.0, RATE_HZ), signal)[100] == 0.0


def test_the_swing_after_a_pulse_is_that_of_the_real_record():
    # Specification B.4: -7.6 counts 45 samples after the start of a pulse about 128 high, which peaks 4 samples in.
    rate_hz, period, start = 5e9, 275, 40
    pulse = 128 * np.exp(-0.5 * ((np.arange(20) - 4) / 2.0) ** 2)
    line = np.zeros(period)
    line[start : start + 20] = pulse
    out = answer(Echo(7.6 / 128, 41 / rate_hz, rate_hz), np.tile(line, 5)).reshape(5, period)[-1]
    assert out.min() == pytest.approx(-7.6, abs=0.05)
    assert out.argmin() - start == 45
    assert out.max() == pytest.approx(128, rel=1e-3)
    assert np.abs(out[start + 20 : start + 35]).max() < 0.5  # between the two the baseline is back
    half = answer(Echo(0.1, 41.5 / rate_hz, rate_hz), line)
    np.testing.assert_allclose(half[start + 41 : start + 44], -0.05 * (pulse[:3] + np.r_[0, pulse[:2]]), rtol=1e-4)


EVERYTHING = {
    "after_pulsing": 0.003, "pulse_s": 30e-9, "saturation_counts": 900.0, "droop_counts": 5000.0, "bandwidth_hz": 20e6,
    "amplifier_poles": 2, "clamp_counts": 150.0, "recovery_s": 3e-7, "ac_coupling_hz": 1e3, "undershoot": 0.06,
    "undershoot_s": 0.41e-6, "excess_noise": 1.2,
}  # fmt: skip


def whole_detector(**more):
    return {"detectors__0": {"photoelectrons": 1.0, "counts_per_photoelectron": 1.0, **EVERYTHING, **more}}


@pytest.mark.parametrize("cuts", [(7, 8, 20_000), (4096,), (5000, 5001, 30_000, 39_999)])
def test_where_a_stream_is_cut_does_not_change_it(cuts):
    charge = np.random.default_rng(2).gamma(2.0, 40.0, (40_000, 1)).astype(np.float32)
    whole = electronics(**whole_detector()).amplify(charge.copy(), 0)
    chain = electronics(**whole_detector())
    first = max(cuts[0], 4096)  # the first stretch settles the filters with as much
    edges = [0, first, *(cut for cut in cuts if cut > first), 40_000]
    parts = [chain.amplify(charge[a:b].copy(), a) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_loop_closes_on_itself_after_it_was_settled():
    loop = 40_000
    setup = {"hum_counts": 2.0, "baseline_drift_counts": 3.0, "noise_counts": 1.0, "flicker_corner_hz": 1e5}
    setup |= {"ac_coupling_hz": 20e3, "droop_s": 1e-5}  # all of it settles within half a loop
    chain = electronics(loop_samples=loop, **whole_detector(**setup))
    charge = np.random.default_rng(2).gamma(2.0, 40.0, (loop, 1)).astype(np.float32)
    chain.amplify(charge[loop // 2 :].copy(), loop // 2)
    first = chain.amplify(charge.copy(), 0)
    second = chain.amplify(charge.copy(), 0)
    np.testing.assert_allclose(second, first, atol=2e-3)
    steps = np.abs(np.diff(first[:, 0]))
    assert abs(first[0, 0] - first[-1, 0]) < 3 * np.percentile(steps, 99)


def test_what_is_off_or_cannot_be_resolved_is_left_out():
    chain = electronics("sheet-ci", detectors__0__pulse_s=2e-9, detectors__0__bandwidth_hz=10e6)
    signal = np.random.default_rng(3).normal(size=(1000, 2)).astype(np.float32)
    out = chain.amplify(signal, 0)
    assert out is signal
    assert [stage for amplifier in chain._amplifiers for stage in amplifier.stages] == []
    assert plain_setup("sheet-ci").detectors[0].bandwidth_hz is None
