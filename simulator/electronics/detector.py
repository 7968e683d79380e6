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

_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)


class Tubes(NamedTuple):
    """Detectors of all channels, laid out as samples come: `(CHUNK,)` each, so that loops over them are vectors."""

    gain: Floats
    """Counts per photoelectron."""
    excess: Floats
    skew: Floats
    """(2 F - 1) / 6: a sixth of the third moment of one photoelectron's charge over the second."""
    dark: Floats
    """Mean dark electrons per sample."""


class Keys(NamedTuple):
    """What random sequences a frame uses."""

    laser: Bits
    charge: Bits
    number: Bits


def tubes(detectors: Sequence[Detector], sample_rate_hz: float) -> Tubes:
    """Return the detectors as the kernel takes them."""
    excess = [d.excess_noise for d in detectors]
    dark = [d.dark_counts_per_s / sample_rate_hz for d in detectors]
    columns = ([d.counts_per_photoelectron for d in detectors], excess, [(2 * f - 1) / 6 for f in excess], dark)
    return Tubes(*(np.resize(np.array(column, dtype=np.float32), CHUNK) for column in columns))


def frame_keys(rng: np.random.Generator) -> Keys:
    """Draw the keys of a frame."""
    return Keys(random_key(rng), random_key(rng), random_key(rng))


@numba.njit(cache=True, nogil=True)
def _beam(slow_light: Floats, noise: float, z: Floats, n_channels: int, beam: Floats) -> None:
    """Fill `beam`, one entry per sample and channel, with the relative light of as many rows."""
    sigma = np.float32(noise)
    rows = beam.shape[0] // n_channels
    for c in range(n_channels):
        for m in range(rows):
            beam[m * n_channels + c] = _ONE + sigma * z[m]
    if slow_light.shape[0]:
        for c in range(n_channels):
            for m in range(rows):
                beam[m * n_channels + c] *= slow_light[m]


@numba.njit(cache=True, nogil=True)
def _strong(mean: Floats, z: Floats, tubes: Tubes, out: Floats) -> None:
    """Turn means `(k,)` into charge, counts, as of many photoelectrons."""
    for j in range(mean.shape[0]):
        skew = tubes.skew[j]
        spread = np.sqrt(max(tubes.excess[j] * mean[j] - _TWO * skew * skew, _ZERO))
        out[j] = tubes.gain[j] * (mean[j] + spread * z[j] + skew * (z[j] * z[j] - _ONE))


@numba.njit(cache=True, nogil=True)
def _weak(mean: Floats, place: int, z: Floats, tubes: Tubes, key: Bits, state: Bits, out: Floats) -> None:
    """Do again, electron by electron, where there are few; the first sample is at `place` of the frame."""
    for j in range(mean.shape[0]):
        if mean[j] >= STRONG:
            continue
        if mean[j] <= _ZERO:
            out[j] = _ZERO
            continue
        bits = word(key, place + j)
        number = poisson(mean[j], bits)
        state[0] = bits
        out[j] = tubes.gain[j] * multiplied(number, tubes.excess[j], z[j], state)


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
    noisy = laser_noise > 0.0
    scratch, buffers = np.ones((2, CHUNK // 2), dtype=np.float32), np.ones((4, CHUNK), dtype=np.float32)
    radius, turn = scratch[0], scratch[1]
    z, laser_z, beam, mean = buffers[0], buffers[1], buffers[2], buffers[3]
    state = np.ones(1, dtype=np.uint64)
    flat, charge = light.reshape(-1), out.reshape(-1)
    for chunk in range(math.ceil(light.shape[0] / rows)):
        first = chunk * rows
        place = first * n_channels
        size = min(rows, light.shape[0] - first) * n_channels
        # A row has one number of the laser's for all channels: as many chunks share a chunk of numbers.
        if noisy and chunk % n_channels == 0:
            fill_normals(keys.laser, chunk // n_channels, radius, turn, laser_z)
        if noisy or slow_light.shape[0]:
            _beam(slow_light[first:], laser_noise, laser_z[chunk % n_channels * rows :], n_channels, beam[:size])
        for j in range(size):
            mean[j] = max(flat[place + j] * beam[j], _ZERO) + tubes.dark[j]
        fill_normals(keys.charge, chunk, radius, turn, z)
        _strong(mean[:size], z, tubes, charge[place : place + size])
        _weak(mean[:size], place, z, tubes, keys.number, state, charge[place : place + size])
