"""Laser and detectors against closed forms: their noise decides which cells can be told apart on the simulator."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from acquisition.errors import ConfigError
from simulator.electronics.laser import LaserLight, white_noise
from simulator.electronics.settings import Laser
from tests.simulator.electronics_parts import electronics, plain_setup


def constant(level, n, channels=1):
    return np.full((n, channels), level, dtype=np.float32)


@pytest.mark.parametrize("excess", [1.0, 1.2, 1.5])
@pytest.mark.parametrize("mean", [3.0, 40.0, 400.0])
def test_a_tube_has_the_mean_and_variance_of_its_gain_and_excess_noise(mean, excess):
    gain = 2.0
    chain = electronics(detectors__0__counts_per_photoelectron=gain, detectors__0__excess_noise=excess)
    charge = chain.detect(constant(mean, 1_000_000), 0, 0).astype(np.float64)
    assert charge.mean() == pytest.approx(gain * mean, rel=0.003)
    assert charge.var() == pytest.approx(excess * gain**2 * mean, rel=0.01)
    # A tube's charge leans to the right, the more so the weaker the light: (2F - 1) / sqrt(F N).
    skewness = ((charge - charge.mean()) ** 3).mean() / charge.std() ** 3
    assert skewness == pytest.approx((2 * excess - 1) / math.sqrt(excess * mean), abs=0.02)


def test_light_that_fades_through_the_strong_and_the_weak_regime_keeps_its_statistics():
    means = np.geomspace(0.02, 60, 24)
    chain = electronics(detectors__0__excess_noise=1.2)
    charge = chain.detect(np.tile(means, 50_000)[:, None].astype(np.float32), 0, 0).reshape(-1, 24).astype(np.float64)
    np.testing.assert_allclose(charge.mean(axis=0) / means, 1, atol=4.5 * np.sqrt(1.2 / means / 50_000).max())
    np.testing.assert_allclose(charge.var(axis=0) / means / 1.2, 1, atol=0.15)
    assert abs((charge.var(axis=0) / means / 1.2)[12:] - 1).max() < 0.03


def test_dark_counts_come_at_their_rate_and_darkness_without_them_is_silent():
    chain = electronics("sheet-ci", detectors__1__dark_counts_per_s=3000.0)
    charge = chain.detect(constant(0.0, 5_000_000, 2), 0, 0)
    assert not charge[:, 0].any()
    assert charge[:, 1].sum() == pytest.approx(3000, abs=4 * math.sqrt(3000))
    assert (charge[:, 1] >= 0).all()


def test_laser_noise_is_as_strong_as_its_density_says_white_and_common_to_all_channels():
    assert white_noise(-130.0, 40e6) == pytest.approx(0.0014, rel=0.02)  # 20 MHz: 0.14 %
    assert white_noise(-120.0, 40e6) == pytest.approx(0.0045, rel=0.02)
    level = 1e7  # photon noise is far below the laser's
    chain = electronics("sheet-ci", laser__rin_db_per_hz=-110.0)
    charge = chain.detect(constant(level, 400_000, 2), 0, 0).astype(np.float64)
    relative = charge / level - 1
    assert relative.std(axis=0) == pytest.approx(white_noise(-110.0, 5e6), rel=0.01)
    assert np.corrcoef(relative.T)[0, 1] > 0.99
    spectrum = (np.abs(np.fft.rfft(relative[:, 0].reshape(-1, 200), axis=1)[:, 1:-1]) ** 2).mean(axis=0)
    density = 2 * spectrum / 200 / 5e6
    assert 10 * np.log10(density.mean()) == pytest.approx(-110.0, abs=0.1)
    assert np.abs(density / density.mean() - 1).max() < 0.12


def test_the_laser_drifts_within_its_figure_from_nominal_and_carries_its_lines():
    light = LaserLight(Laser(drift_per_h=0.02), 5e6, seed=3)
    hours = np.array([light.slow_light(round(h * 3600 * 5e6), 1)[0] for h in np.linspace(0, 8, 200)]) - 1
    assert hours[0] == pytest.approx(0, abs=1e-7)
    assert 0.01 < np.ptp(hours) < 0.08
    assert np.abs(np.diff(hours)).max() < 0.01  # no steps: 8 h / 200 = 2.4 min

    lines = LaserLight(Laser(ripple=((1e3, 0.01), (50e3, 0.002))), 5e6, seed=3).slow_light(0, 500_000)
    spectrum = np.abs(np.fft.rfft(lines - 1)) / 250_000
    assert spectrum[100] == pytest.approx(0.01, rel=0.01)
    assert spectrum[5000] == pytest.approx(0.002, rel=0.01)
    spectrum[[100, 5000]] = 0
    assert spectrum.max() < 5e-5


def test_frames_are_the_same_in_any_order_on_any_thread_and_short_or_long():
    settings = {"laser__rin_db_per_hz": -120.0, "laser__drift_per_h": 0.01, "laser__ripple": [[2e4, 0.01]]}
    chain = electronics("sheet-ci", detectors__1__excess_noise=1.3, **settings)
    light = np.abs(np.random.default_rng(0).normal(20, 10, (30_000, 2))).astype(np.float32)
    kept = light.copy()
    frames = [chain.detect(light, frame, frame * 65_536) for frame in range(4)]
    with ThreadPoolExecutor(3) as pool:
        again = list(pool.map(lambda frame: chain.detect(light, frame, frame * 65_536), [3, 1, 0, 2]))
    for frame, place in zip([3, 1, 0, 2], again, strict=True):
        np.testing.assert_array_equal(frames[frame], place)
    np.testing.assert_array_equal(light, kept)
    np.testing.assert_array_equal(chain.detect(light[:5000], 2, 2 * 65_536), frames[2][:5000])
    assert not np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], electronics("sheet-ci", seed=2, **settings).detect(light, 0, 0))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("detectors.0.undershoot", 0.1),
        ("detectors.0.excess_noise", 0.5),
        ("detectors.0.amplifier_poles", 3),
        ("laser.ripple", [[-50.0, 0.01]]),
        ("converter.core_gains", [1.0, 0.0, 1.0, 1.0]),
        ("converter.core_offsets_counts", [1.0, 2.0]),
        ("converter.core_skews_s", [2e-8]),
        ("detectors.0.ac_coupling_hz", 5e7),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_one_sentence(setting, value):
    with pytest.raises(ConfigError) as error:
        plain_setup().changed({setting: value})
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)
