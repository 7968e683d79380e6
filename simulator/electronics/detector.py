"""Detectors: mean photoelectrons in, charge out, with all its statistics (specification C)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from simulator.electronics.noise import CHUNK, Bits, fill_normals, random_key, word
from simulator.electronics.photons import STRONG, multiplied, poisson
from simulator.electronics.settings import Detector

Floats = npt.NDArray[np.float32]

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


class Tubes(NamedTuple):
    """Detectors of all channels; `(channels,)` each."""

    gain: Floats
    """Counts per photoelectron."""
    excess: Floats
    dark: Floats
    """Mean dark electrons per sample."""


class Keys(NamedTuple):
    """What random sequences a frame uses."""

    laser: Bits
    charge: Bits
    number: Bits


def tubes(detectors: Sequence[Detector], sample_rate_hz: float) -> Tubes:
    """Return the detectors as the kernel takes them."""
    return Tubes(
        np.array([d.counts_per_photoelectron for d in detectors], dtype=np.float32),
        np.array([d.excess_noise for d in detectors], dtype=np.float32),
        np.array([d.dark_counts_per_s / sample_rate_hz for d in detectors], dtype=np.float32),
    )


def frame_keys(rng: np.random.Generator) -> Keys:
    """Draw the keys of a frame."""
    return Keys(random_key(rng), random_key(rng), random_key(rng))


@numba.njit(cache=True, nogil=True)
def _light_up(
    light: Floats, first: int, slow_light: Floats, noise: float, z: Floats, dark: Floats, mean: Floats
) -> None:
    """Fill `mean` with the photoelectrons to expect of the rows from `first` on, laser noise and dark ones included."""
    n_channels = light.shape[1]
    rows = mean.shape[0] // n_channels
    if noise == 0.0 and slow_light.shape[0] == 0:
        for m in range(rows):
            for c in range(n_channels):
                mean[m * n_channels + c] = max(light[first + m, c], _ZERO) + dark[c]
        return
    sigma = np.float32(noise)
    for m in range(rows):
        beam = slow_light[first + m] if slow_light.shape[0] else _ONE
        if noise > 0.0:
            beam *= _ONE + sigma * z[m]
        for c in range(n_channels):
            mean[m * n_channels + c] = max(light[first + m, c] * beam, _ZERO) + dark[c]


@numba.njit(cache=True, nogil=True)
def _charge(mean: Floats, place: int, z: Floats, tubes: Tubes, key: Bits, state: Bits, out: Floats) -> None:
    """Turn means `(k,)` of interleaved channels into charge, counts; the first is at `place` of the frame."""
    n_channels = tubes.gain.shape[0]
    for c in range(n_channels):
        gain, excess = tubes.gain[c], tubes.excess[c]
        skew = (np.float32(2.0) * excess - _ONE) / np.float32(6.0)
        lost = np.float32(2.0) * skew * skew
        for j in range(c, mean.shape[0], n_channels):
            spread = np.sqrt(max(excess * mean[j] - lost, _ZERO))
            out[j] = gain * (mean[j] + spread * z[j] + skew * (z[j] * z[j] - _ONE))
    for j in range(mean.shape[0]):
        if mean[j] <= _ZERO:
            out[j] = _ZERO
        elif mean[j] < STRONG:
            c = j % n_channels
            bits = word(key, place + j)
            number = poisson(mean[j], bits)
            state[0] = bits
            out[j] = tubes.gain[c] * multiplied(number, tubes.excess[c], z[j], state)


@numba.njit(cache=True, nogil=True)
def detect(light: Floats, slow_light: Floats, laser_noise: float, tubes: Tubes, keys: Keys, out: Floats) -> None:
    """Turn mean photoelectrons `(n, channels)` into charge of the same shape, counts.

    A detector of gain G and excess noise factor F gives the mean G N and the variance F G^2 N. Weak light is exact: a
    Poisson number of photoelectrons and a gamma number for their gains. From 12 photoelectrons on the charge is one
    normal number, with the third moment of the compound distribution, (2 F - 1) / sqrt(F N), in the term z^2 - 1
    (Cornish and Fisher, 1938).

    Parameters
    ----------
    light
        Mean photoelectrons per sample.
    slow_light
        `(n,)` relative light of the laser, or `(0,)` where it is steady.
    laser_noise
        Relative standard deviation of its white noise, which all channels share.
    tubes, keys, out
        Detectors, random sequences, result.
    """
    n_channels = light.shape[1]
    rows = CHUNK // n_channels
    radius, turn = np.empty(CHUNK // 2, dtype=np.float32), np.empty(CHUNK // 2, dtype=np.float32)
    z, laser_z = np.empty(CHUNK, dtype=np.float32), np.empty(CHUNK, dtype=np.float32)
    mean, state = np.empty(CHUNK, dtype=np.float32), np.empty(1, dtype=np.uint64)
    charge = out.reshape(-1)
    for chunk in range(math.ceil(light.shape[0] / rows)):
        first = chunk * rows
        place = first * n_channels
        size = min(rows, light.shape[0] - first) * n_channels
        # A laser draws one number for a row: as many rows of chunks share one chunk of numbers as there are channels.
        if laser_noise > 0.0 and chunk % n_channels == 0:
            fill_normals(keys.laser, chunk // n_channels, radius, turn, laser_z)
        begin = chunk % n_channels * rows
        _light_up(light, first, slow_light, laser_noise, laser_z[begin : begin + rows], tubes.dark, mean[:size])
        fill_normals(keys.charge, chunk, radius, turn, z)
        _charge(mean[:size], place, z, tubes, keys.number, state, charge[place : place + size])
