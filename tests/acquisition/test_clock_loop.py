import numpy as np
import pytest

from acquisition.block import Block
from acquisition.clock import PhaseLoop, find_period
from acquisition.detection import detector_for
from acquisition.folding import fill_gaps
from acquisition.instrument import Instrument
from acquisition.learning import new_fold, phase_error
from acquisition.presets import instrument_preset
from acquisition.stream_buffer import StreamBuffer
from acquisition.triggers import TriggerFinder


def pulses(period: float, n: int, noise: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    phase = (np.arange(n) / period) % 1.0
    light = 80.0 * np.exp(-(((phase - 0.4) / 0.03) ** 2))
    return np.round(light + noise * rng.standard_normal(n)).astype(np.int8)


@pytest.mark.parametrize("period", [100.0, 275.5195, 341.0 + 1 / 3, 344.8234])
def test_the_period_is_found_to_a_thousandth_of_a_sample(period):
    found = find_period(pulses(period, int(1500 * period), 2.0, 1), np.zeros(1), round(period) * 1.002)
    assert abs(found - period) < 1e-3


def test_the_phase_error_has_the_sign_and_size_of_the_shift():
    n = 400
    bins = np.arange(n) + 0.5
    level = (90 * np.exp(-(((bins - 200) / 20) ** 2))).astype(np.float32)
    later = 1.1 * 90 * np.exp(-(((bins - 201.2) / 20) ** 2))
    usual, fold = np.full(4, 0.5), new_fold((0, n))
    fold.periods[:] = 50.0
    fold.places[:] = 25.0
    fold.sums[:] = 50.0 * later.reshape(-1, 4).T
    assert phase_error(fold, 0, level, usual) == pytest.approx(1.2 / 4, rel=0.02)
    fold.periods[:] = 0.0
    assert phase_error(fold, 0, level, usual) == 0.0


def test_the_loop_follows_a_clock_that_drifts():
    loop = PhaseLoop(0.0, 275.5195)
    period, origin, worst = 275.5195, 0.0, 0.0
    for frame in range(2000):
        worst = max(worst, abs(origin - loop.origin_tick)) if frame > 100 else 0.0
        loop.correct(origin - loop.origin_tick, 64)
        loop.advance(64)
        origin += 64 * period
        period += 275.5195 * 10e-6 / 2000
    assert worst < 0.1
    assert abs(loop.period_ticks - period) < 1e-3
    assert loop.locked


def drifting_lines(instrument: Instrument, n_lines: int, ppm: float) -> np.ndarray:
    nominal = instrument.sample_rate_hz / instrument.optics.line_rate_hz
    periods = nominal * (1 + ppm * 1e-6 * np.arange(n_lines) / n_lines)
    starts = np.concatenate([[0.0], np.cumsum(periods)])
    ticks = np.arange(int(starts[-1]))
    line = np.searchsorted(starts, ticks, side="right") - 1
    inside = ticks - starts[line]
    light = np.where(inside < 80, 70 + 25 * np.sin(inside / 7.0), 0.0)
    noise = np.random.default_rng(2).standard_normal(ticks.size, dtype=np.float32)
    return np.round(light + noise).astype(np.int8)


def faster(instrument: Instrument, times: int) -> Instrument:
    """The same samples, taken so many times as fast: lines are learned from more seldom."""
    optics, digitizer = instrument.time_stretch, instrument.digitizer
    return instrument.model_copy(
        update={
            "digitizer": digitizer.model_copy(update={"sample_rate_hz": digitizer.sample_rate_hz * times}),
            "flow_speed_m_s": instrument.flow_speed_m_s * times,
            "optics": optics.model_copy(update={"line_rate_hz": optics.line_rate_hz * times}),
        }
    )


@pytest.mark.parametrize("times", [1, 40])
def test_a_drifting_line_clock_stays_locked_and_invents_no_cells(times):
    instrument = faster(instrument_preset("stretch-ci"), times)
    # Twice as fast as 10 ppm over a million lines.
    samples = drifting_lines(instrument, 30_000, ppm=0.6)
    detector = detector_for(instrument)
    assert detector.push(Block(samples[:, None], 0)) + detector.flush() == []
    nominal = instrument.sample_rate_hz / instrument.optics.line_rate_hz
    assert detector.clock is not None
    assert detector.clock.locked
    assert abs(detector.clock.period_ticks - nominal * (1 + 0.6e-6)) < 1e-3


def test_the_buffer_keeps_ticks_through_growth_and_trimming():
    rng = np.random.default_rng(0)
    data = rng.integers(-100, 100, (300_000, 2), dtype=np.int8)
    buffer = StreamBuffer(1000, 2, np.dtype(np.int8))
    for start in range(0, data.shape[0], 7_001):
        buffer.append(data[start : start + 7_001])
        buffer.trim(1000 + start - 20_000)
        low, high = buffer.begin_tick - 1000, buffer.end_tick - 1000
        np.testing.assert_array_equal(buffer.view(0, 10**9), data[low:high])
    assert buffer.view(5, 6).shape == (0, 2)


def test_a_trigger_has_hysteresis_a_bridge_and_a_limit():
    finder = TriggerFinder(shortest=2, bridge=1, limit=6, most=64)
    scores = np.array([0, 9, 5, 1, 5, 0, 0, 9, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0], dtype=np.float32)
    found = finder.push(100, scores, base=0.0, on=8.0, off=4.0) + finder.flush()
    assert [(t.start, t.stop) for t in found] == [(101, 105), (110, 116), (116, 118)]
    assert found[0].centre == pytest.approx((9 * 101.5 + 5 * 102.5 + 5 * 104.5) / 19)


def test_phases_that_met_no_sample_are_filled_round_the_circle():
    level = np.array([np.nan, 2.0, np.nan, 4.0], dtype=np.float32)
    np.testing.assert_allclose(fill_gaps(level), [3.0, 2.0, 3.0, 4.0])
