"""Take noise, or the blur of the optics, out of a volume (specification A.7, step 7); never done by default.

The blur is taken as a product of three Gaussians, so that it can be laid on one axis after the other. Noise is measured
in each volume itself: at frequencies along the scan that the sheet does not pass, all there is is noise.

`SMOOTH` gives the best linear estimate of the volume without noise, a little wider than it was. `WIENER` and
`RICHARDSON_LUCY` raise contrast and resolution, and with them grain that is not there: they are for looking at bright
cells, and not for data that a model was trained on without them.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from acquisition.instrument import Instrument
from reconstruction.errors import ReconstructionError
from reconstruction.light_sheet.blur import Blur, side_blur
from reconstruction.light_sheet.tables import sampling_blur
from reconstruction.methods import OF_VOLUMES, Method

Volume = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]

PADDING_UM = 3.0
"""Empty rim that keeps the ends of the field from each other: the farthest that a blur reaches."""
UNSEEN = 0.01
"""Where the sheet passes less than this of an amplitude, there is only noise."""
COARSE_PER_UM = 0.15
"""Below this frequency stands the outline of the cell, which says nothing of its grain."""
LEAST_SHARE = 1e-3
"""Noise against signal at best: what is taken out of a volume without any noise stays finite."""
DEFAULT_ITERATIONS, MOST_ITERATIONS = 10, 100
REACH = 6.0
"""Where a Gaussian is taken to end, in standard deviations."""


def volume_blur(instrument: Instrument, wavelength_nm: float | None = None) -> Blur:
    """Return how a point comes out in a volume of a light sheet: the optics' blur, and what sampling adds to it.

    Parameters
    ----------
    wavelength_nm
        Of the light collected; None means the laser's.

    Raises
    ------
    ConfigError
        If the instrument is no light sheet.
    """
    seen, added = side_blur(instrument, wavelength_nm), sampling_blur(instrument)
    return Blur(
        z_um=math.hypot(seen.z_um, added.z_um),
        y_um=math.hypot(seen.y_um, added.y_um),
        x_um=math.hypot(seen.x_um, added.x_um),
    )


def restore(
    volume: Volume, blur: Blur, pixel_um: float, method: Method, iterations: int = DEFAULT_ITERATIONS
) -> Volume:
    """Return a volume with noise, or blur, taken out; its sum stays, but for what noise had below 0.

    Parameters
    ----------
    volume
        `(z, y, x)` float32, counts above background.
    blur
        As from `volume_blur`.
    pixel_um
        Edge of a voxel.
    method
        What to do, of `OF_VOLUMES`; `NONE` returns the volume itself.
    iterations
        Of Richardson and Lucy; more are sharper and noisier.

    Raises
    ------
    ReconstructionError
        If this is no volume, the method is not for volumes, or the iterations are none or far too many.
    """
    if method is not Method.NONE and method not in OF_VOLUMES:
        raise ReconstructionError(f"'{method}' is not for volumes; use one of {', '.join(OF_VOLUMES)}.")
    if volume.ndim != 3:
        raise ReconstructionError(
            f"Only volumes of three axes can be restored, not {volume.ndim}; name a side channel."
        )
    if not 1 <= iterations <= MOST_ITERATIONS:
        raise ReconstructionError(f"Richardson-Lucy takes 1 to {MOST_ITERATIONS} iterations, not {iterations}.")
    if method is Method.NONE:
        return volume
    if method is Method.RICHARDSON_LUCY:
        return _richardson_lucy(np.asarray(volume, dtype=np.float32), blur, pixel_um, iterations)
    rim = math.ceil(PADDING_UM / pixel_um)
    padded = np.pad(np.asarray(volume, dtype=np.float32), rim)
    passed = _passed(padded.shape, blur, pixel_um)
    restored = _wiener(padded, passed, blur, pixel_um, sharpen=method is Method.WIENER)
    inner = tuple(slice(rim, rim + n) for n in volume.shape)
    return np.ascontiguousarray(restored[inner], dtype=np.float32)


def _frequencies(shape: tuple[int, ...], pixel_um: float) -> tuple[Volume, Volume, Volume]:
    """Per um along z, y and x (half of it), to be broadcast."""
    z, y = (np.fft.fftfreq(n, pixel_um).astype(np.float32) for n in shape[:2])
    x = np.fft.rfftfreq(shape[2], pixel_um).astype(np.float32)
    return z[:, None, None], y[None, :, None], x[None, None, :]


def _passed(shape: tuple[int, ...], blur: Blur, pixel_um: float) -> Volume:
    """Share of the amplitude that the optics pass at each frequency, `(n_z, n_y, n_x // 2 + 1)`."""
    z, y, x = _frequencies(shape, pixel_um)
    turns = (blur.z_um * z) ** 2 + (blur.y_um * y) ** 2 + (blur.x_um * x) ** 2
    return np.asarray(np.exp(-2.0 * np.pi**2 * turns), dtype=np.float32)


def _wiener(volume: Volume, passed: Volume, blur: Blur, pixel_um: float, *, sharpen: bool) -> Volume:
    """Filter for the least mean square error, for a cell of fine grain: its own spectrum is white."""
    spectrum = np.fft.rfftn(volume)
    power = np.abs(spectrum) ** 2
    z, y, x = _frequencies(volume.shape, pixel_um)
    edge_per_um = math.sqrt(-math.log(UNSEEN) / 2.0) / (math.pi * blur.z_um)
    # The highest frequencies are left out as well: laying samples on the grid takes from them.
    band = (np.abs(z) > edge_per_um) & (np.abs(z) < 0.8 * 0.5 / pixel_um)
    if not band.any():
        raise ReconstructionError("The voxels are too coarse to tell noise from the cell; use a finer grid.")
    noise = power[band[:, 0, 0]].mean(axis=0, keepdims=True)
    grain = np.sqrt(z**2 + y**2 + x**2) > COARSE_PER_UM
    excess = float(((power - noise) * grain).sum())
    white = max(excess, 0.0) / float((passed**2 * grain).sum())
    share = np.maximum(noise / max(white, 1e-30), LEAST_SHARE)
    gain = passed**2 / (passed**2 + share)
    gain[0, 0, 0] = 1.0
    if sharpen:
        gain = passed / (passed**2 + share)
        gain /= gain[0, 0, 0]
    return np.asarray(np.fft.irfftn(spectrum * gain, volume.shape, axes=(0, 1, 2)), dtype=np.float32)


def _mirrored_gaussian(n: int, sigma_px: float) -> Volume:
    """Blur of one axis as a matrix `(n, n)`, symmetric, with rows of sum 1: the ends of the field are mirrors.

    A full matrix does a few times more sums than a Gaussian needs, and the linear algebra library does them many times
    faster than a Fourier transform.
    """
    reach = math.ceil(REACH * sigma_px)
    steps = np.arange(-reach, reach + 1)
    taps = np.exp(-0.5 * (steps / sigma_px) ** 2)
    rows = np.arange(n)[:, None]
    unfolded = (rows + steps) % (2 * n)
    matrix = np.zeros((n, n))
    np.add.at(matrix, (rows, np.minimum(unfolded, 2 * n - 1 - unfolded)), taps / taps.sum())
    return np.asarray(matrix, dtype=np.float32)


class _Blurring:
    """Lays the blur on volumes of one shape, in memory of its own."""

    def __init__(self, shape: tuple[int, ...], blur: Blur, pixel_um: float) -> None:
        sigmas_um = (blur.z_um, blur.y_um, blur.x_um)
        self._z, self._y, self._x = (
            _mirrored_gaussian(n, sigma / pixel_um) for n, sigma in zip(shape, sigmas_um, strict=True)
        )
        self._blurred, self._between = np.empty(shape, np.float32), np.empty(shape, np.float32)

    def __call__(self, light: Volume) -> Volume:
        """Return the blurred volume, which lasts until the next call."""
        n_z, _, n_x = light.shape
        blurred, between = self._blurred, self._between
        np.matmul(self._z, light.reshape(n_z, -1), out=blurred.reshape(n_z, -1))
        np.matmul(self._y, blurred, out=between)
        np.matmul(between.reshape(-1, n_x), self._x, out=blurred.reshape(-1, n_x))
        return blurred


def _richardson_lucy(volume: Volume, blur: Blur, pixel_um: float, iterations: int) -> Volume:
    """Richardson (1972) and Lucy (1974); the blur is symmetric, so that it is its own adjoint."""
    seen = np.maximum(np.ascontiguousarray(volume), np.float32(0.0))
    floor = np.float32(max(1e-6 * float(seen.max()), 1e-12))
    blurring = _Blurring(seen.shape, blur, pixel_um)
    light: Volume = np.maximum(blurring(seen), floor)
    for _ in range(iterations):
        ratio = blurring(light)
        np.maximum(ratio, floor, out=ratio)
        np.divide(seen, ratio, out=ratio)
        # Sums of what is nowhere negative are nowhere negative.
        light *= blurring(ratio)
    return light
