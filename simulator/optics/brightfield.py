"""The brightfield image of what stands in the light, seen through an objective (specification F.3 and A.4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulator.cells.specimen import Field

Floats = npt.NDArray[np.float32]


def brightfield(
    field: Field, wavelength_nm: float, aperture: float, medium_index: float, defocus_um: float, pixel_um: float
) -> Floats:
    """Intensity behind an objective, 1 where nothing stands in the light, `(n, n)` float32.

    The complex amplitude `field` `(n, n)` behind the specimen passes a circular pupil with defocus.
    """
    n = field.shape[0]
    pad = n // 2
    padded = np.pad(field.astype(np.complex128), pad, constant_values=1.0)
    frequency = np.fft.fftfreq(padded.shape[0], pixel_um)
    squared = frequency[:, None] ** 2 + frequency[None, :] ** 2
    cutoff = aperture / (wavelength_nm * 1e-3)
    wavenumber = medium_index / (wavelength_nm * 1e-3)
    axial = np.sqrt(np.maximum(wavenumber**2 - squared, 0.0)) - wavenumber
    pupil = (squared <= cutoff**2) * np.exp(2j * np.pi * defocus_um * axial)
    image = np.abs(np.fft.ifft2(np.fft.fft2(padded) * pupil)) ** 2
    return np.ascontiguousarray(image[pad : pad + n, pad : pad + n], dtype=np.float32)
