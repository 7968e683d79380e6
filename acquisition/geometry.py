"""Where the light sheet stands at a phase of its scan (specification A.4)."""

from __future__ import annotations

import numba

from acquisition.instrument import Scan


@numba.njit(cache=True, nogil=True, inline="always")
def sheet_height(turn: float, duty: float, height_um: float, a2: float, a3: float, triangle: bool) -> float:
    """Height z, um, at `turn` (scan number and phase); NaN in the dead time of a sawtooth.

    A triangle runs back on every odd scan.
    """
    number = int(turn // 1.0)
    u = (turn - number) / duty
    if u >= 1.0:
        return float("nan")
    if triangle and number % 2 != 0:
        u = 1.0 - u
    w = u - 0.5
    return height_um * (w + a2 * w * w + a3 * w * w * w)


def scan_coefficients(scan: Scan) -> tuple[float, float, float, float, bool]:
    """Return the arguments of `sheet_height` after the turn."""
    return scan.active_duty, scan.height_um, scan.a2, scan.a3, scan.shape == "triangle"
