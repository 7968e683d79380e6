"""Kernels that lay pulses, and the shadows that cells cast into them, on the samples (specification B.2)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from simulator.optics.flight import Flight
from simulator.optics.pulses import Pulses, echo, pulse_energy

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


class Lines(NamedTuple):
    """The lines that touch a stretch: the number of the first, and `(k + 1,)` ticks at which each begins."""

    first: int
    starts: Doubles


class Views(NamedTuple):
    """The views within a line; the arrays have one entry, or one row, per view.

    Attributes
    ----------
    optical, detected
        `(v, bins)` float32: light along the view, and what the detector makes of it, relative to the brightfield's.
    begins, lengths
        Where each table begins after the line's start, and how much it covers, samples.
    centres
        Middle of the field after the line's start, samples.
    pictures
        Which picture the view shows.
    taps, weights
        `(t,)` places and weights of the detector's impulse response, samples.
    """

    optical: Floats
    detected: Floats
    begins: Doubles
    lengths: Doubles
    centres: Doubles
    pictures: Whole
    taps: Doubles
    weights: Doubles


class Shade(NamedTuple):
    """One cell on its way through the lines.

    Attributes
    ----------
    pictures
        `(p, y, x)` float32: what each kind of view shows of the cell, 1 where it shows nothing.
    flight
        When it passes, and how fast.
    x_um
        Its place across the flow.
    um_per_sample, pixel_um
        Lengths of a sample across the flow and of a picture's pixel.
    """

    pictures: Floats
    flight: Flight
    x_um: float
    um_per_sample: float
    pixel_um: float


class _Pulse(NamedTuple):
    """One pulse: the tick at which its first view would begin without margins, and its energy."""

    origin: float
    energy: float


@numba.njit(cache=True, nogil=True, inline="always")
def _window(begin: float, length: float, start: float, stop: float, first_tick: int, n: int) -> tuple[int, int]:
    """Return the samples, counted from `first_tick`, that lie in a view's window, in its line and in the stretch."""
    low = max(math.ceil(max(begin, start)) - first_tick, 0)
    high = min(math.ceil(min(begin + length, stop)) - first_tick, n)
    return low, high


@numba.njit(cache=True, nogil=True)
def empty_lines(light: Floats, first_tick: int, lines: Lines, views: Views, pulses: Pulses, levels: Floats) -> None:
    """Add the light of empty lines to `(n, channels)`; `levels` `(channels,)` are the peaks of the brightfield."""
    n, channels = light.shape
    bins = views.detected.shape[1]
    for k in range(lines.starts.shape[0] - 1):
        start, stop = lines.starts[k], lines.starts[k + 1]
        energy = pulse_energy(pulses, lines.first + k, start)
        if energy == 0.0:
            continue
        again, delay = echo(pulses, lines.first + k)
        for turn in range(2 if again > 0.0 else 1):
            origin = start + (delay * (stop - start) if turn else 0.0)
            height = energy * (again if turn else 1.0)
            for v in range(views.begins.shape[0]):
                begin = origin + views.begins[v]
                low, high = _window(begin, views.lengths[v], start, stop, first_tick, n)
                step = bins / views.lengths[v]
                base = (first_tick - begin) * step
                table = views.detected[v]
                for c in range(channels):
                    level = np.float32(height * levels[c])
                    for m in range(low, high):
                        light[m, c] += level * table[min(int(base + m * step), bins - 1)]


@numba.njit(cache=True, nogil=True)
def lay_lines(
    light: Floats, first_tick: int, lines: Lines, views: Views, pulses: Pulses, stray: Floats, shade: Shade
) -> None:
    """Multiply the light of lines `(n, channels)`, without the `stray` light `(channels,)`, by what a cell leaves.

    Where pulses, views or the detector's response make several places of the cell share a sample, it takes their
    mean, weighted by their light.
    """
    n, channels = light.shape
    flight = shade.flight
    reach = shade.pictures.shape[1] * shade.pixel_um / 2
    longest = 0.0
    for k in range(lines.starts.shape[0] - 1):
        longest = max(longest, lines.starts[k + 1] - lines.starts[k])
    share = np.zeros(int(longest) + 2, dtype=np.float32)
    whole = np.zeros(int(longest) + 2, dtype=np.float32)
    for k in range(lines.starts.shape[0] - 1):
        start, stop = lines.starts[k], lines.starts[k + 1]
        if abs(flight.um_per_tick * (0.5 * (start + stop) - flight.tick)) > reach + flight.um_per_tick * (stop - start):
            continue
        again, delay = echo(pulses, lines.first + k)
        offset = max(math.ceil(start) - first_tick, 0)
        count = max(min(math.ceil(stop) - first_tick, n) - offset, 0)
        share[:count] = 0.0
        whole[:count] = 0.0
        for turn in range(2 if again > 0.0 else 1):
            pulse = _Pulse(start + (delay * (stop - start) if turn else 0.0), again if turn else 1.0)
            for v in range(views.begins.shape[0]):
                low, high = _window(pulse.origin + views.begins[v], views.lengths[v], start, stop, first_tick, n)
                if low < high:
                    part = slice(low - offset, high - offset)
                    _weigh_view(share[part], whole[part], first_tick + low, pulse, v, views, shade)
        for i in range(count):
            if whole[i] > 0.0:
                for c in range(channels):
                    light[offset + i, c] = stray[c] + (light[offset + i, c] - stray[c]) * (share[i] / whole[i])


@numba.njit(cache=True, nogil=True)
def _weigh_view(
    share: Floats, whole: Floats, first_tick: int, pulse: _Pulse, v: int, views: Views, shade: Shade
) -> None:
    """Add one view of one pulse to the light that the cell leaves, and to the light that was there, `(n,)` each."""
    bins = views.optical.shape[1]
    step = bins / views.lengths[v]
    picture = shade.pictures[views.pictures[v]]
    n = picture.shape[0]
    middle = n / 2 - 0.5
    per_sample = shade.um_per_sample / shade.pixel_um
    # Column of the picture, and entry of the table, that the tick of the pulse itself would fall on.
    first_col = middle - views.centres[v] * per_sample - shade.x_um / shade.pixel_um
    first_entry = -views.begins[v] * step
    for m in range(share.shape[0]):
        tick = first_tick + m
        row = -shade.flight.um_per_tick * (tick - shade.flight.tick) / shade.pixel_um + middle
        i = math.floor(row)
        # All views of a sample see the same row: where it is outside, nothing changes.
        if i < 0 or i + 1 >= n:
            continue
        p = np.float32(row - i)
        for t in range(views.taps.shape[0]):
            seen = tick - views.taps[t] - pulse.origin
            b = int(seen * step + first_entry)
            if b < 0 or b >= bins:
                continue
            amount = views.weights[t] * views.optical[v, b]
            whole[m] += pulse.energy * amount
            col = seen * per_sample + first_col
            j = math.floor(col)
            if j >= 0 and j + 1 < n:
                q = np.float32(col - j)
                near = picture[i, j] + q * (picture[i, j + 1] - picture[i, j])
                far = picture[i + 1, j] + q * (picture[i + 1, j + 1] - picture[i + 1, j])
                amount *= near + p * (far - near)
            share[m] += pulse.energy * amount
