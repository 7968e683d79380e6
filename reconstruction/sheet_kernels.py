"""Kernels of the light sheet: samples to scan energies, planes and transmission image (specification A.7, 4 to 6)."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.event import BINS_PER_TICK
from reconstruction.deposit import FloatImage, Motion
from reconstruction.scan_deposit import FAST, Cloth, Correction, Place, ScanCoefficients, lay_passage, settle_cloth


@numba.njit(cache=True, nogil=True)
def correction_table(gain: FloatImage, base: FloatImage, length: int) -> tuple[FloatImage, FloatImage]:
    """Sort two `(n_bins,)` backgrounds into a `Correction` of `length` samples; the last bin stands for all beyond."""
    gains = np.empty((BINS_PER_TICK, length), np.float32)
    bases = np.empty((BINS_PER_TICK, length), np.float32)
    last = gain.shape[0] - 1
    for k in range(length):
        for q in range(BINS_PER_TICK):
            b = min(BINS_PER_TICK * k + q, last)
            gains[q, k], bases[q, k] = gain[b], base[b]
    return gains, bases


@numba.njit(cache=True, nogil=True)
def running_sums(values: FloatImage, length: int) -> npt.NDArray[np.float64]:
    """Add up an empty scan's `(n_bins,)` over its first samples, `(BINS_PER_TICK, length + 1)` by place in the bins."""
    sums = np.zeros((BINS_PER_TICK, length + 1))
    last = values.shape[0] - 1
    for q in range(BINS_PER_TICK):
        for k in range(length):
            sums[q, k + 1] = sums[q, k] + values[min(BINS_PER_TICK * k + q, last)]
    return sums


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def scan_energy(
    samples: Samples, level: FloatImage, efficiency: FloatImage, place: Place, duty: float, first_scan: int,
    n_scans: int,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Mean light above background of each scan's active part, `(n_scans,)`, at full efficiency.

    `samples` is one `(n,)` channel; `level` and `efficiency` are `(n_bins,)`, of its empty scan.
    """
    length = math.ceil(place.period_ticks) + 1
    levels, efficiencies = running_sums(level, length), running_sums(efficiency, length)
    energy = np.zeros(n_scans)
    origin = place.origin_tick + place.delay_ticks - place.first_tick
    for n in range(n_scans):
        begin = origin + (first_scan + n) * place.period_ticks
        whole = math.ceil(begin)
        start = max(0, whole)
        stop = min(samples.shape[0], math.ceil(begin + duty * place.period_ticks))
        if stop <= start:
            continue
        total = np.int64(0)
        for m in range(start, stop):
            total += np.int64(samples[m])
        q = min(int((whole - begin) * BINS_PER_TICK), BINS_PER_TICK - 1)
        background = levels[q, stop - whole] - levels[q, start - whole]
        energy[n] = (total - background) / (efficiencies[q, stop - whole] - efficiencies[q, start - whole])
    return energy


@numba.njit(cache=True, nogil=True, error_model="numpy")
def side_planes(
    samples: Samples, level: FloatImage, efficiency: FloatImage, place: Place, scan: ScanCoefficients, motion: Motion,
    mask_y: npt.NDArray[np.float64], pixel_um: float, cloth: Cloth, planes: FloatImage,
) -> None:  # fmt: skip
    """Make the planes `(n_pinholes, z, y)` of one `(n,)` channel, counts above background at full efficiency."""
    length = math.ceil(place.period_ticks) + 2
    gains, bases = correction_table(
        (1.0 / efficiency).astype(np.float32), (level / efficiency).astype(np.float32), length
    )
    last = mask_y.shape[0] - 1
    for i in range(last + 1):
        # The cell is looked at by the pinhole that it is nearest to.
        near = 0.5 * (mask_y[i - 1] + mask_y[i]) if i > 0 else -np.inf
        far = 0.5 * (mask_y[i] + mask_y[i + 1]) if i < last else np.inf
        passed = (mask_y[i], near, far)
        lay_passage(samples, Correction(gains, bases), place, scan, motion, passed, planes.shape[1], pixel_um, cloth)
        settle_cloth(cloth, 0.0, planes[i])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def transmission_image(
    samples: Samples, level: FloatImage, place: Place, scan: ScanCoefficients, motion: Motion, slit_y: float,
    pixel_um: float, cloth: Cloth, image: FloatImage,
) -> int:  # fmt: skip
    """Make the transmission `(z, y)` of one `(n,)` channel, relative to the empty beam of `level` `(n_bins,)`.

    Returns the pixels that no sample met.
    """
    length = math.ceil(place.period_ticks) + 2
    gain = (1.0 / np.maximum(level, np.float32(1.0))).astype(np.float32)
    gains, bases = correction_table(gain, np.zeros(level.shape[0], np.float32), length)
    passed = (slit_y, -np.inf, np.inf)
    lay_passage(samples, Correction(gains, bases), place, scan, motion, passed, image.shape[0], pixel_um, cloth)
    return settle_cloth(cloth, 1.0, image)
