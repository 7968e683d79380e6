"""The scan or line clock as it really runs: off nominal, drifting, jittering, slipping (specification A.9 and B.6)."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.optics.settings import Clock
from simulator.randomness import Purpose, random_stream

Doubles = npt.NDArray[np.float64]

_TABLE = 1 << 16


@dataclass(frozen=True, slots=True)
class Periods:
    """The periods that touch a stretch of samples.

    Attributes
    ----------
    first
        Number of the first period, which may have begun before the stretch.
    starts
        `(k + 1,)` float64: tick at which each of the `k` periods begins, and the end of the last.
    """

    first: int
    starts: Doubles


class PeriodClock:
    """When each scan or line begins, in ticks of the sample clock; the same for any way of asking.

    Parameters
    ----------
    nominal_hz, sample_rate_hz
        Rate of scans or lines, and of samples.
    clock
        How it runs.
    seed
        Decides its phase, jitter and slips.
    loop_samples
        Length after which everything repeats; the rate is then rounded to whole periods in the loop, and neither
        drifts nor slips. None for a stream without end.
    """

    def __init__(
        self, nominal_hz: float, sample_rate_hz: float, clock: Clock, seed: int, loop_samples: int | None = None
    ) -> None:
        rng = random_stream(seed, Purpose.CLOCK)
        rate = nominal_hz / sample_rate_hz * (1 + clock.offset_ppm * 1e-6)
        self._loop = None if loop_samples is None else max(1, round(rate * loop_samples))
        """Periods in a loop."""
        self._rate = rate if loop_samples is None else self._loop_periods / loop_samples
        self._bend = 0.0 if loop_samples else 0.5 * clock.drift_ppm_per_s * 1e-6 / sample_rate_hz * rate
        self._phase = -float(rng.random())
        self._jitter = (clock.jitter_s * sample_rate_hz * rng.standard_normal(_TABLE)).clip(
            -0.2 / self._rate, 0.2 / self._rate
        )
        self._slip_rate = 0.0 if loop_samples else clock.slips_per_s / sample_rate_hz
        self._slip_rng = random_stream(seed, Purpose.CLOCK, 1)
        self._slips: list[tuple[float, float]] = [(-math.inf, 0.0)]
        """Tick from which each offset of the phase holds, and the offset, periods."""
        self._slips_drawn_until = 0.0 if self._slip_rate else math.inf
        # Slips are drawn one after the other, whichever thread asks first.
        self._drawing = threading.Lock()

    @property
    def _loop_periods(self) -> int:
        return self._loop or 1

    @property
    def period_ticks(self) -> float:
        """Length of a period at the start of the stream."""
        return 1.0 / self._rate

    @property
    def origin_tick(self) -> float:
        """Tick at which period 0 would begin without jitter."""
        return -self._phase / self._rate

    def periods(self, first_tick: int, n: int) -> Periods:
        """Return the periods that touch the samples `[first_tick, first_tick + n)`."""
        low, high = float(first_tick), float(first_tick + n)
        self._draw_slips(high)
        numbers: list[npt.NDArray[np.int64]] = []
        ticks: list[Doubles] = []
        for k, (since, offset) in enumerate(self._slips):
            until = self._slips[k + 1][0] if k + 1 < len(self._slips) else math.inf
            if until <= low - 2 * self.period_ticks or since >= high + 2 * self.period_ticks:
                continue
            begin, end = max(since, low - 2 * self.period_ticks), min(until, high + 2 * self.period_ticks)
            number = np.arange(math.ceil(self._turn(begin) + offset), math.ceil(self._turn(end) + offset))
            numbers.append(number)
            ticks.append(self._tick((number - offset).astype(np.float64)))
        number, tick = np.concatenate(numbers), np.concatenate(ticks)
        tick = tick + self._jitter[(number % self._loop_periods if self._loop else number) % _TABLE]
        # The period that the first sample lies in, to the one that begins after the last.
        start = max(0, int(np.searchsorted(tick, low, side="right")) - 1)
        stop = int(np.searchsorted(tick, high, side="left")) + 1
        return Periods(int(number[start]), np.ascontiguousarray(tick[start:stop]))

    def _turn(self, tick: float) -> float:
        """Periods passed at a tick, slips and jitter left out."""
        return self._phase + self._rate * tick + self._bend * tick * tick

    def _tick(self, turn: Doubles) -> Doubles:
        """Invert `_turn`; the bend is so small that two steps of Newton's method are exact."""
        tick = (turn - self._phase) / self._rate
        for _ in range(2 if self._bend else 0):
            tick = tick - (self._phase + self._rate * tick + self._bend * tick**2 - turn) / (
                self._rate + 2 * self._bend * tick
            )
        return np.asarray(tick, dtype=np.float64)

    def _draw_slips(self, until: float) -> None:
        with self._drawing:
            while self._slips_drawn_until < until + 4 * self.period_ticks:
                drawn_until = self._slips_drawn_until + float(self._slip_rng.exponential(1.0 / self._slip_rate))
                self._slips.append((drawn_until, self._slips[-1][1] + float(self._slip_rng.random())))
                self._slips_drawn_until = drawn_until
