"""Coherent side scatter in the first Born approximation, with its speckle (specification F.3, level L1)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from acquisition.instrument import LightSheet
from simulator.cells.specimen import Specimen
from simulator.optics.scattering import sheet_sigma_um

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

VOXEL_UM = 0.06
"""The structure that scatters to the side has a period of 0.26 um at 488 nm: four voxels. Spheres of 0.2 to 1.5 um
then come out within 10 % of Rayleigh-Gans-Debye; 0.08 um is off by up to 35 %."""
GRIDS = (64, 96, 128, 160, 192, 256, 320, 384, 448)
"""Voxels along an edge; the smallest that holds the specimen is taken."""
_MARGIN_UM = 4.0
"""Room for the tails of the blur, so that one edge of the image does not reach round to the other."""


class Pupil(NamedTuple):
    """Plane waves that the side objective takes in; y and x are spatial frequencies, cycles per um.

    Attributes
    ----------
    rows, cols
        `(f,)` int64: their place in a square spectrum, in periods over `period_um`.
    y, x
        `(f,)` spatial frequencies of the image.
    axial
        `(f,)` the same along the objective's axis z.
    period_um
        Edge of the image.
    """

    rows: npt.NDArray[np.int64]
    cols: npt.NDArray[np.int64]
    y: Doubles
    x: Doubles
    axial: Doubles
    period_um: float


def born_scatter(
    specimen: Specimen,
    place: tuple[float, float, float],
    columns_um: Floats,
    optics: LightSheet,
    n: int,
    pixel_um: float,
) -> Floats:
    """Side scatter through the optics at the columns x, `(len(columns_um), n z, n y)` float32.

    Light of the wave e^{ikx}, polarised along y, is scattered once by what differs from the medium:
    A(s) = k^2 / 4 pi * integral of (m^2 - 1) e^{ik (x - s) r}, and the cross-section is the integral of
    |A|^2 (1 - s_y^2) over the objective's aperture (Born and Wolf, Principles of Optics, 13.1). For every place of the
    sheet, whose amplitude weights the object along z, the objective forms a coherent image, focused on the axis of the
    flow; its intensity is averaged over a pinhole. The unit is that of `blurred_scatter`: the density of the collected
    cross-section, um^2 per um^3, times (2 pi)^1.5.

    Parameters
    ----------
    specimen
        What scatters; its `index_step` is asked for.
    place
        Where it is: z, y, x, um.
    columns_um, optics, n, pixel_um
        As for `blurred_scatter`.

    Raises
    ------
    ConfigError
        If the specimen is too large for the largest grid, or nothing is known of its refractive index.
    """
    size = _grid(specimen.diameter_um)
    period = max(size * VOXEL_UM, n * pixel_um, 2 * float(np.abs(columns_um).max())) + _MARGIN_UM
    pupil = _pupil(optics, period)
    waves = _scattered_waves(specimen.index_step(size, VOXEL_UM), pupil, optics)
    waves *= np.exp(-2j * np.pi * (pupil.y * place[1] + pupil.x * place[2]))
    heights = (np.arange(size) + 0.5 - size / 2) * VOXEL_UM + place[0]
    # The sheet is thicker away from its focus; its mean over a ball of this size stands for the whole.
    sigma = sheet_sigma_um(optics, math.hypot(place[2], specimen.diameter_um / 2 / math.sqrt(5.0)))
    sheets = ((np.arange(n) + 0.5 - n / 2) * pixel_um)[:, None]
    light = (2 * np.pi * sigma**2) ** -0.25 * np.exp(-(((heights - sheets) / (2 * sigma)) ** 2))
    amplitudes = light @ (waves * np.exp(-2j * np.pi * np.outer(heights, pupil.axial)))
    y_um = np.asarray((np.arange(n) + 0.5 - n / 2) * pixel_um, dtype=np.float64)
    image = _through_pinholes(amplitudes, pupil, optics.mask.size_um, columns_um.astype(np.float64), y_um)
    return np.ascontiguousarray((2 * np.pi) ** 1.5 * image.transpose(2, 0, 1), dtype=np.float32)


def _grid(diameter_um: float) -> int:
    """Voxels along the edge that a specimen of this size needs."""
    needed = 1.15 * diameter_um / VOXEL_UM + 4
    for size in GRIDS:
        if size >= needed:
            return size
    reach = GRIDS[-1] * VOXEL_UM / 1.15
    raise ConfigError(
        f"Image level L1 makes specimens of at most {reach:.0f} um, and one has {diameter_um:.0f} um; "
        "use level L0 for this sample."
    )


def _pupil(optics: LightSheet, period_um: float) -> Pupil:
    cutoff = optics.side_aperture / (optics.wavelength_nm * 1e-3)
    wavenumber = optics.medium_index / (optics.wavelength_nm * 1e-3)
    most = math.floor(cutoff * period_um)
    index = np.arange(-most, most + 1)
    rows, cols = (part.ravel() for part in np.meshgrid(index, index, indexing="ij"))
    inside = (rows / period_um) ** 2 + (cols / period_um) ** 2 <= cutoff**2
    y, x = rows[inside] / period_um, cols[inside] / period_um
    return Pupil(rows[inside], cols[inside], y, x, np.sqrt(wavenumber**2 - y**2 - x**2), period_um)


def _scattered_waves(index_step: Floats, pupil: Pupil, optics: LightSheet) -> Complex:
    """Amplitudes `(z, f)` that each slice of the object sends into each wave of the pupil, per square root of um^2.

    The squares of the sums over z, summed over f and times the area of the image, are the collected cross-section.
    """
    size = index_step.shape[0]
    axis = (np.arange(size) + 0.5 - size / 2) * VOXEL_UM
    wavenumber = optics.medium_index / (optics.wavelength_nm * 1e-3)
    contrast = (1.0 + index_step / optics.medium_index) ** 2 - 1.0
    most = int(np.abs(pupil.cols).max())
    orders = np.arange(-most, most + 1)
    along_x = np.exp(2j * np.pi * np.outer(axis, wavenumber - orders / pupil.period_um))
    along_y = np.exp(-2j * np.pi * np.outer(orders / pupil.period_um, axis))
    slices = np.empty((size, pupil.x.size), dtype=np.complex128)
    for k in range(size):
        spectrum = along_y @ (contrast[k] @ along_x)
        slices[k] = spectrum[pupil.rows + most, pupil.cols + most]
    k_rad = 2 * np.pi * wavenumber
    amplitude = k_rad**2 / (4 * np.pi) * VOXEL_UM**3
    cosine, sine_y = pupil.axial / wavenumber, pupil.y / wavenumber
    # Voxels hold means, which weakens fine structure by a known factor along each axis.
    means = np.sinc((wavenumber - pupil.x) * VOXEL_UM) * np.sinc(pupil.y * VOXEL_UM) * np.sinc(pupil.axial * VOXEL_UM)
    per_wave = 2 * np.pi / (k_rad * np.sqrt(cosine) * pupil.period_um**2)
    return np.asarray(slices * (amplitude * np.sqrt(1.0 - sine_y**2) * per_wave / means))


def _through_pinholes(
    amplitudes: Complex, pupil: Pupil, pinhole_um: float, columns_um: Doubles, y_um: Doubles
) -> Doubles:
    """Intensity of coherent images `(z, f)`, averaged over a pinhole, at the places `(z, y, x)`."""
    # The intensity has twice the bandwidth of the amplitude.
    size = 4 * int(np.abs(pupil.cols).max()) + 2
    spectrum = np.zeros((amplitudes.shape[0], size, size), dtype=np.complex128)
    spectrum[:, pupil.rows % size, pupil.cols % size] = amplitudes
    intensity = np.abs(np.fft.ifft2(spectrum) * size**2) ** 2
    spectrum = np.fft.fft2(intensity) / size**2
    frequency = np.fft.fftfreq(size, 1.0 / size) / pupil.period_um
    aperture = np.sinc(frequency * pinhole_um)
    to_y = aperture * np.exp(2j * np.pi * np.outer(y_um, frequency))
    to_x = aperture * np.exp(2j * np.pi * np.outer(columns_um, frequency))
    return np.asarray((to_y @ spectrum @ to_x.T).real)
