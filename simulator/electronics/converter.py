"""The analogue-to-digital converter: cores, bow, aperture, effective bits, whole counts (specification C)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.instrument import Digitizer
from simulator.electronics.noise import CHUNK, Bits, fill_normals, random_key
from simulator.electronics.settings import Converter

Floats = npt.NDArray[np.float32]

_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)


class Cores(NamedTuple):
    """Interleaved cores, laid out as samples come: an entry per sample and channel, one turn longer than a chunk."""

    gain: Floats
    offset: Floats
    lateness: Floats
    """Samples by which a core is late."""


class Quality(NamedTuple):
    """What else a converter does to a signal."""

    sigma: Floats
    """Standard deviation of noise, amplifier's included, `(CHUNK,)` as samples come, counts."""
    late: bool
    """Whether any core is late."""
    jitter_samples: float
    bow: float
    lowest: int
    highest: int


def enob_noise(bits: int, enob: float | None) -> float:
    """Return the noise, counts, that makes an ideal converter one of so many effective bits.

    sigma^2 = LSB^2 / 12 (4^(bits - ENOB) - 1); none where `enob` is None or at least `bits`.
    """
    if enob is None or enob >= bits:
        return 0.0
    return math.sqrt((4.0 ** (bits - enob) - 1.0) / 12.0)


@numba.njit(cache=True, nogil=True)
def _look_around(flat: Floats, place: int, size: int, n_channels: int, around: Floats) -> None:
    """Fill `(size + 2 channels,)` with a chunk and a row on either side; beyond the frame it goes on as it came."""
    begin, end = max(0, place - n_channels), min(flat.shape[0], place + size + n_channels)
    lead = n_channels - (place - begin)
    for j in range(end - begin):  # numba takes two seconds to compile an assignment to a slice
        around[lead + j] = flat[begin + j]
    whole = size + 2 * n_channels
    step = n_channels if flat.shape[0] > n_channels else 0
    for c in range(n_channels):
        if lead:
            around[c] = 2 * around[n_channels + c] - around[n_channels + step + c]
        if lead + end - begin < whole:
            last = size + c
            around[n_channels + last] = 2 * around[last] - around[last - step]


@numba.njit(cache=True, nogil=True)
def _sample(
    around: Floats, n_channels: int, cores: Cores, turn: int, quality: Quality, value: Floats, sigma: Floats
) -> None:
    """Fill `value` and `sigma` of one chunk with what late cores and an uncertain aperture see.

    Between samples the signal is taken as straight lines; its slope is that of the two neighbours.
    """
    half_jitter = _HALF * np.float32(quality.jitter_samples)
    for j in range(value.shape[0]):
        here = around[n_channels + j]
        fall, rise = here - around[j], around[2 * n_channels + j] - here
        shift = cores.lateness[turn + j]
        value[j] = here + max(shift, _ZERO) * rise + min(shift, _ZERO) * fall
        slope = half_jitter * (rise + fall)
        sigma[j] = np.sqrt(quality.sigma[j] * quality.sigma[j] + slope * slope)


@numba.njit(cache=True, nogil=True)
def _round(value: Floats, sigma: Floats, z: Floats, cores: Cores, turn: int, quality: Quality, counts: Samples) -> None:
    """Turn one chunk into counts."""
    bow, scale = np.float32(quality.bow), np.float32(1.0 / (quality.highest + 1))
    lowest, highest = np.float32(quality.lowest), np.float32(quality.highest)
    for j in range(value.shape[0]):
        seen = value[j] * cores.gain[turn + j] + cores.offset[turn + j]
        place = min(max(seen * scale, -_ONE), _ONE)
        seen += bow * (_ONE - place * place) + sigma[j] * z[j]
        counts[j] = np.int32(min(max(np.floor(seen + _HALF), lowest), highest))


@numba.njit(cache=True, nogil=True)
def _convert(signal: Floats, phase: int, cores: Cores, quality: Quality, key: Bits, out: Samples) -> None:
    n_channels = signal.shape[1]
    rows = CHUNK // n_channels
    n_cores = (cores.gain.shape[0] - CHUNK) // n_channels
    scratch, buffers = np.empty((2, CHUNK // 2), dtype=np.float32), np.empty((3, CHUNK), dtype=np.float32)
    radius, angle = scratch[0], scratch[1]
    z, seen, sigma = buffers[0], buffers[1], buffers[2]
    flat, counts = signal.reshape(-1), out.reshape(-1)
    around = np.empty(CHUNK + 2 * n_channels, dtype=np.float32)
    traced = quality.jitter_samples > 0.0 or quality.late
    for chunk in range(math.ceil(signal.shape[0] / rows)):
        first = chunk * rows
        place = first * n_channels
        size = min(rows, signal.shape[0] - first) * n_channels
        turn = (phase + first) % n_cores * n_channels
        fill_normals(key, chunk, radius, angle, z)
        if traced:
            _look_around(flat, place, size, n_channels, around)
            _sample(around, n_channels, cores, turn, quality, seen[:size], sigma)
            _round(seen[:size], sigma, z, cores, turn, quality, counts[place : place + size])
        else:
            _round(flat[place : place + size], quality.sigma, z, cores, turn, quality, counts[place : place + size])


class AnalogDigital:
    """A converter with its cores.

    Parameters
    ----------
    digitizer, converter
        Resolution, rate and cores; what is not ideal about them.
    noise_counts
        Standard deviation of each channel's white amplifier noise, which is added here, with the converter's own.
    """

    def __init__(self, digitizer: Digitizer, converter: Converter, noise_counts: Sequence[float]) -> None:
        self._dtype = digitizer.dtype
        self._n_cores = digitizer.interleave_cores
        n_channels = len(noise_counts)

        def laid_out(values: tuple[float, ...], scale: float = 1.0) -> Floats:
            per_core = np.repeat(np.resize(np.array(values) * scale, self._n_cores), n_channels)
            return np.resize(per_core, CHUNK + per_core.size).astype(np.float32)

        self._cores = Cores(
            laid_out(converter.core_gains),
            laid_out(converter.core_offsets_counts),
            laid_out(converter.core_skews_s, digitizer.sample_rate_hz),
        )
        own = enob_noise(digitizer.bits, converter.enob)
        sigma = np.resize(np.hypot(np.array(noise_counts), own), CHUNK // n_channels * n_channels)
        self._quality = Quality(
            sigma.astype(np.float32),
            any(converter.core_skews_s),
            converter.jitter_s * digitizer.sample_rate_hz,
            converter.inl_counts,
            digitizer.lowest,
            digitizer.highest,
        )

    def convert(self, signal: Floats, first_tick: int, rng: np.random.Generator) -> Samples:
        """Return a signal `(n, channels)`, counts, as whole counts of the digitizer's type."""
        out: Samples = np.empty(signal.shape, dtype=self._dtype)
        _convert(signal, first_tick % self._n_cores, self._cores, self._quality, random_key(rng), out)
        return out
