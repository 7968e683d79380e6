"""What is measured in the phase of a cell: its dry mass, and how steep and how high it stands."""

from __future__ import annotations

import math

from reconstruction.features.contour import Mask
from reconstruction.features.image import find_object
from reconstruction.motion import FloatImage

PHASE_FEATURES = ("dry_mass_pg", "phase_peak_rad", "phase_avg_rad", "phase_slope_rad_per_um")
"""What `phase_features` gives, in this order; see docs/features.md."""

REFRACTION_INCREMENT_UM3_PER_PG = 0.19
"""How much the index of water rises with the mass of protein in it: 0.19 mL/g, which is um3/pg (Barer 1952)."""

LEAST_RAD = 0.1
"""Phase that an object has at least: five times the noise of the simulated atom-4g."""


def no_phase_features() -> dict[str, float]:
    """Return NaN for every name: what is known of a phase that was not made."""
    return dict.fromkeys(PHASE_FEATURES, math.nan)


def phase_object(phase: FloatImage) -> Mask:
    """Return where the phase of the central object stands out, `(rows, columns)` bool; see `find_object`.

    Cells in focus take so little light that brightfield shows no whole outline of them.
    """
    return find_object(phase, background=0.0, least=LEAST_RAD).inside


def phase_features(phase: FloatImage, inside: Mask, pixel_um: float, wavelength_nm: float) -> dict[str, float]:
    """Measure the phase of the object.

    Parameters
    ----------
    phase
        `(rows, columns)` float32, radians, 0 in the surround.
    inside
        `(rows, columns)` bool, such as `phase_object`.
    pixel_um
        Edge of a pixel.
    wavelength_nm
        Of the light, in vacuum.

    Returns
    -------
    dict
        `PHASE_FEATURES`, as docs/features.md defines them; NaN where there is no object.

    Notes
    -----
    Dry mass is wavelength / (2 pi increment) times the integral of the phase over the area. Sources: Barer, Nature
    169, 366 (1952); Popescu et al., Am. J. Physiol. Cell Physiol. 295, C538 (2008), equation 1.
    """
    values = phase[inside]
    if values.size == 0:
        return no_phase_features()
    um_per_rad = wavelength_nm * 1e-3 / (2.0 * math.pi)
    path_um3 = um_per_rad * float(values.sum(dtype=float)) * pixel_um**2
    # The outermost pixels have a neighbour on one side only.
    core = inside[1:-1, 1:-1]
    down = (phase[2:, 1:-1] - phase[:-2, 1:-1])[core]
    along = (phase[1:-1, 2:] - phase[1:-1, :-2])[core]
    squares = float(down @ down + along @ along) / max(down.size, 1)
    measured = (
        path_um3 / REFRACTION_INCREMENT_UM3_PER_PG,
        float(max(values.max(), values.min(), key=abs)),
        float(values.mean()),
        math.sqrt(squares) / (2.0 * pixel_um),
    )
    return dict(zip(PHASE_FEATURES, measured, strict=True))
