"""1/f noise of an amplifier: tables with the right spectrum, read as a pure function of the tick."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_ENTRIES = (131_072, 121_500)
"""Lengths of the tables: quick to transform, and their sum comes again only after 4e9 entries."""
_HIGHEST_CORNERS = 16.0
"""The noise is made up to this many corners, where white noise is 16 times as strong."""
_ENTRIES_PER_CYCLE = 6.0


@numba.njit(cache=True, nogil=True)
def _add_read(table: Floats, per_tick: float, first_tick: int, out: Floats) -> None:
    """Add a table of a closed curve, read by straight lines at `per_tick` entries per tick."""
    size = table.shape[0]
    begin = (first_tick * per_tick) % size
    for m in range(out.shape[0]):
        place = begin + m * per_tick
        entry = int(place)
        if entry >= size:
            begin -= size
            place -= size
            entry -= size
        part = np.float32(place - entry)
        after = entry + 1 if entry + 1 < size else 0
        out[m] += table[entry] + part * (table[after] - table[entry])


@dataclass(frozen=True, slots=True)
class Flicker:
    """1/f noise; two tables of different length, so that their sum does not come again for a long time.

    Attributes
    ----------
    tables
        Closed curves, counts.
    per_tick
        Entries of each table per tick.
    """

    tables: tuple[Floats, ...]
    per_tick: tuple[float, ...]

    @classmethod
    def of(
        cls,
        white_counts: float,
        corner_hz: float,
        sample_rate_hz: float,
        rng: np.random.Generator,
        loop_samples: int | None = None,
    ) -> Flicker:
        """Draw the noise that is as strong as the white noise at `corner_hz`.

        White noise of `white_counts` up to half the sample rate has the density S = 2 white^2 / f_s per Hz; this adds
        S f_c / f from the lowest frequency of the tables to 16 corners or half the sample rate. Below that lowest
        frequency (a few Hz) the wander of the baseline takes over. In a loop the tables close with it.
        """
        highest_hz = min(_HIGHEST_CORNERS * corner_hz, 0.5 * sample_rate_hz)
        step = max(1.0, sample_rate_hz / (_ENTRIES_PER_CYCLE * highest_hz))
        tables, rates = [], []
        for k, size in enumerate(_ENTRIES):
            if loop_samples is not None:
                turns = math.ceil(loop_samples / (step * size)) + k
                size = max(8, round(loop_samples / (step * turns)))
                per_tick = size * turns / loop_samples
            else:
                per_tick = 1.0 / step
            density = white_counts**2 * corner_hz / sample_rate_hz  # half of 2 white^2 f_c / f_s: there are two
            tables.append(_closed_curve(size, per_tick * sample_rate_hz, highest_hz, density, rng))
            rates.append(per_tick)
        return cls(tuple(tables), tuple(rates))

    def along(self, first_tick: int, n: int) -> Floats:
        """Return `(n,)` counts from a tick on."""
        out = np.zeros(n, dtype=np.float32)
        for table, per_tick in zip(self.tables, self.per_tick, strict=True):
            _add_read(table, per_tick, first_tick, out)
        return out


def _closed_curve(size: int, entries_hz: float, highest_hz: float, density: float, rng: np.random.Generator) -> Floats:
    """Return `(size,)` of a Gaussian closed curve with the one-sided spectrum density / f."""
    hz = np.fft.rfftfreq(size, 1.0 / entries_hz)
    inside = (hz > 0) & (hz <= highest_hz)
    variance = np.zeros(hz.size)
    # Straight lines between entries pass sinc^2 of the amplitude, which is put back here.
    variance[inside] = density / hz[inside] * (entries_hz / size) / np.sinc(hz[inside] / entries_hz) ** 4
    draws = rng.standard_normal((2, hz.size))
    spectrum = (draws[0] + 1j * draws[1]) * np.sqrt(variance) * size / 2.0
    return np.fft.irfft(spectrum, size).astype(np.float32)
