"""How well the line clock is followed as it drifts, and found again behind gaps: `python -m benchmarks.line_clock`.

Simulated lines of `stretch-ci` with white cells, and the true starts of the lines beside what detection takes them for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from acquisition.block import UNKNOWN_LOSS, Block, Samples
from acquisition.detection import Detector, detector_for
from benchmarks.page import table
from simulator.cells.sample import parse_sample
from simulator.optics.clock import PeriodClock
from simulator.optics.time_stretch import TimeStretchModel
from simulator.presets import setup_preset
from simulator.setup import Setup
from simulator.stream import Extent, SimulatedStream

PRESET, SAMPLE, SEED = "stretch-ci", "wbc", 31
LINES, DRIFT_PPM = 1_000_000, 10.0
SETTLED_LINES = 2_000
"""Clock and background are measured on the first thousand lines."""
GAPS, WARM_LINES, PIECE_LINES, MOST_LINES = 40, 3_000, 25, 2_000
PHASE_FOUND = 0.15
"""Samples from where it was that a clock found again may be."""
HEAD = ("simulated stretch-ci", "measured", "wanted")


@dataclass(frozen=True)
class Followed:
    """How a clock was followed.

    Attributes
    ----------
    lines
        Looked at.
    worst_period
        Largest difference of the period to the true one, samples.
    worst_slip
        Largest distance of the clock from the true one, against its median, samples, while it said it was locked.
    locked_share
        Of the looks.
    """

    lines: int
    worst_period: float
    worst_slip: float
    locked_share: float


def drifting() -> Setup:
    """Return the setup whose line rate drifts by `DRIFT_PPM` over `LINES`."""
    setup = setup_preset(PRESET)
    seconds = LINES / setup.instrument.time_stretch.line_rate_hz
    return setup.changed({"clock.drift_ppm_per_s": DRIFT_PPM / seconds})


def _stream(setup: Setup, lines: int, seed: int) -> Iterator[Samples]:
    period = setup.instrument.sample_rate_hz / setup.instrument.time_stretch.line_rate_hz
    return SimulatedStream(setup, parse_sample(SAMPLE), seed, Extent(samples=round(lines * period))).frames()


def _nearest(clock: PeriodClock, tick: float) -> tuple[float, float]:
    """Distance of a tick from the nearest true start of a line, and the true length of that line, samples."""
    starts = clock.periods(int(tick - 2 * clock.period_ticks), int(5 * clock.period_ticks)).starts
    k = int(np.abs(starts[:-1] - tick).argmin())
    return float(tick - starts[k]), float(starts[k + 1] - starts[k])


def follow(setup: Setup, lines: int = LINES, seed: int = SEED) -> Followed:
    """Follow a stream from its start, and look at the clock after every frame of the simulation."""
    truth = TimeStretchModel(setup, seed).clock
    detector, tick = detector_for(setup.instrument), 0
    looks: list[tuple[float, float, bool]] = []
    for frame in _stream(setup, lines, seed):
        detector.push(Block(frame, tick))
        tick += frame.shape[0]
        clock = detector.clock
        if clock is None or tick < SETTLED_LINES * truth.period_ticks:
            continue
        away, period = _nearest(truth, clock.origin_tick)
        # Lines begin at the middle of the view for detection, and with their light for the simulation.
        away = (away + 0.5 * period) % period
        looks.append((away, clock.period_ticks - period, clock.locked))
    away, period_error, locked = (np.array(column) for column in zip(*looks, strict=True))
    slip = np.abs(away - np.median(away))[locked.astype(bool)]
    return Followed(
        round(tick / truth.period_ticks), float(np.abs(period_error).max()), float(slip.max()), locked.mean()
    )


def recoveries(setup: Setup, gaps: int = GAPS, seed: int = SEED) -> list[tuple[int, float]]:
    """Lose stretches of unknown length; return the lines until the clock was found again, and its error, of each.

    Where it was not found to `PHASE_FOUND` in `MOST_LINES`, the lines are those.
    """
    truth = TimeStretchModel(setup, seed).clock
    rng = np.random.default_rng(seed)
    period = truth.period_ticks
    samples = np.concatenate(list(_stream(setup, 4 * WARM_LINES, seed)))
    found = []
    for _ in range(gaps):
        begin = round(period * (WARM_LINES + 1000 * rng.random()))
        lost = int(rng.integers(1, round(3000 * period)))
        detector = detector_for(setup.instrument)
        detector.push(Block(samples[:begin], 0))
        found.append(_recovery(detector, samples, begin, lost, truth))
    return found


def _recovery(detector: Detector, samples: Samples, begin: int, lost: int, truth: PeriodClock) -> tuple[int, float]:
    before = detector.clock
    assert before is not None
    usual, period = _nearest(truth, before.origin_tick)
    piece = round(PIECE_LINES * period)
    error = float("inf")
    for k in range(MOST_LINES // PIECE_LINES):
        start = begin + lost + k * piece
        detector.push(Block(samples[start : start + piece], begin + k * piece, lost_before=0 if k else UNKNOWN_LOSS))
        clock = detector.clock
        if clock is None or not clock.locked or clock.origin_tick <= begin + period:
            continue
        away, _ = _nearest(truth, clock.origin_tick + lost)
        error = abs((away - usual + 0.5 * period) % period - 0.5 * period)
        if error < PHASE_FOUND:
            return (k + 1) * PIECE_LINES, error
    return MOST_LINES, error


def figures() -> list[tuple[object, ...]]:
    """Rows of what, measured, wanted."""
    followed = follow(drifting())
    lines, errors = (np.array(column) for column in zip(*recoveries(setup_preset(PRESET)), strict=True))
    drift = f"{DRIFT_PPM:g} ppm over {followed.lines} lines"
    return [
        (f"{drift}: largest error of the samples per line", f"{followed.worst_period:.1e}", "below 1e-3"),
        (f"{drift}: largest slip while locked, samples", f"{followed.worst_slip:.4f}", "below 0.1"),
        (f"{drift}: locked, % of the looks", f"{100 * followed.locked_share:.1f}", "100"),
        (f"{GAPS} gaps of unknown length: lines until found again, median", f"{np.median(lines):g}", "below 1000"),
        (f"{GAPS} gaps of unknown length: the slowest", f"{lines.max():g}", "below 1000"),
        (f"{GAPS} gaps of unknown length: largest error then, samples", f"{errors.max():.4f}", f"below {PHASE_FOUND}"),
    ]


if __name__ == "__main__":
    print(table(HEAD, figures()))
