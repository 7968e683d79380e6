"""How wide optics show a point (specification A.4), before it is sampled."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from acquisition.instrument import Instrument

DIFFRACTION = 0.51
"""Width at half height of an objective's image of a point, in wavelengths over apertures."""
FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))
"""Width at half height of a Gaussian, in standard deviations."""


@dataclass(frozen=True, slots=True)
class Blur:
    """Standard deviations of a point's image along each axis, um."""

    z_um: float
    y_um: float
    x_um: float


def side_blur(instrument: Instrument, wavelength_nm: float | None = None) -> Blur:
    """Return what the side path makes of a point: objective and pinhole along y and x, the sheet along z.

    Parameters
    ----------
    wavelength_nm
        Of the light collected; None means the laser's.

    Raises
    ------
    ConfigError
        If the instrument is no light sheet.
    """
    optics = instrument.light_sheet
    across_um = _aperture_um(wavelength_nm or optics.wavelength_nm, optics.side_aperture, optics.mask.size_um)
    return Blur(_sheet_um(instrument), across_um, across_um)


def forward_blur(instrument: Instrument) -> Blur:
    """Return what the forward path makes of a point: objective and slit along y, the sheet along z.

    Raises
    ------
    ConfigError
        If the instrument is no light sheet.
    """
    optics = instrument.light_sheet
    across_um = _aperture_um(optics.wavelength_nm, optics.forward_aperture, optics.slits[0].width_um)
    return Blur(_sheet_um(instrument), across_um, across_um)


def brightfield_blur_um(instrument: Instrument) -> float:
    """Return the standard deviation of what the objective of a time stretch makes of a point, um.

    Raises
    ------
    ConfigError
        If the instrument is no time stretch.
    """
    optics = instrument.time_stretch
    return _aperture_um(optics.wavelength_nm, optics.aperture, 0.0)


def _aperture_um(wavelength_nm: float, aperture: float, opening_um: float) -> float:
    """Return the standard deviation of an objective's image of a point, behind an opening with sharp edges."""
    point_um = DIFFRACTION * wavelength_nm * 1e-3 / aperture / FWHM
    return math.sqrt(point_um**2 + opening_um**2 / 12.0)


def _sheet_um(instrument: Instrument) -> float:
    """Return the standard deviation of the sheet, root mean square over the places of the mask."""
    optics = instrument.light_sheet
    rayleigh_um = math.pi * optics.medium_index * optics.sheet_waist_um**2 / (optics.wavelength_nm * 1e-3)
    thicker = float(np.mean([1.0 + (x / rayleigh_um) ** 2 for x in optics.mask.x_um]))
    return 0.5 * optics.sheet_waist_um * math.sqrt(thicker)
