"""From the lines of scans to a plane: resampled along the flow, each row at the time at which its scan passed it."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from acquisition.instrument import ImageGrid, Scan
from reconstruction.kriging import noise_left, shares_of
from reconstruction.lanes import LANES, mix
from reconstruction.light_sheet.scan_lines import row_heights, rows_in_scan
from reconstruction.motion import FloatImage

LINES_BEFORE = 2
"""Lines before the scan during which a pixel passes that count for it."""
LINES = 6
"""Lines that count in all: two to either side, wherever in the scan a row is passed."""
PHASES = 32
"""Places of a pixel between two scans; the cell moves some 30 nm from one to the next."""


def new_line_table(scan: Scan, grid: ImageGrid, blur_scans: float, noise: float) -> tuple[FloatImage, float]:
    """Work out how lines make up pixels, and the noise that is left in them.

    Parameters
    ----------
    blur_scans
        Of the optics along the flow, in the way of a cell during a scan.
    noise
        Of a line, against the light.

    Returns
    -------
    `(2, PHASES, LINES, z)` float32: shares for pixels that pass during an even and an odd scan.
    """
    into = scan.active_duty * rows_in_scan(scan, row_heights(grid))
    back = scan.active_duty - into
    number = np.arange(LINES) - LINES_BEFORE
    turned = (number[None, :] + np.arange(2)[:, None]) % 2 != 0
    if scan.shape != "triangle":
        turned[:] = False
    # (parity, 1, z, line): when each line passes a row, in scans.
    into_scan = np.where(turned[:, None, None, :], back[:, None], into[:, None])
    passed = np.asarray(number + into_scan, dtype=np.float64)
    at = ((np.arange(PHASES) + 0.5) / PHASES)[None, :, None]
    passed = np.broadcast_to(passed, (2, PHASES, into.size, LINES))
    shares = shares_of(passed, np.broadcast_to(at, passed.shape[:3]), blur_scans, noise)
    left = noise_left(shares, noise)
    return np.ascontiguousarray(shares.transpose(0, 1, 3, 2), dtype=np.float32), left


@numba.njit(cache=True, nogil=True, error_model="numpy")
def lay_plane(
    lines: FloatImage, met: npt.NDArray[np.bool_], first_scan: int, passes: tuple[float, float], table: FloatImage,
    plane: FloatImage,
) -> int:  # fmt: skip
    """Make a `plane` `(y, z)` of the `lines` `(n, z)` from `first_scan` on; return the columns without a line.

    `passes` is when the first pixel along y is passed, and the step to the next, in scans by the clock.
    """
    n_z, missing = lines.shape[1], 0
    source, shares, target = lines.reshape(-1), table.reshape(-1), plane.reshape(-1)
    for j in range(plane.shape[0]):
        at = passes[0] + j * passes[1]
        number = math.floor(at)
        phase = min(int((at - number) * PHASES), PHASES - 1)
        line = number - first_scan
        missing += not met[line]
        a = (line - LINES_BEFORE) * n_z
        s = (number % 2 * PHASES + phase) * LINES * n_z
        o = j * n_z
        for z in range(0, n_z, LANES):
            lane = min(z, n_z - LANES)
            mix(target, o + lane, shares, s + lane, source, a + lane, n_z, LINES)
    return missing
