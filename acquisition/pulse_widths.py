"""Which pulses are wider than one particle's: pairs so close that there is no valley between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from acquisition.pulse import Pulse
from acquisition.pulse_kernel import SIGMA_PER_MAD


def wide_pulses(pulses: Sequence[Pulse], channel: int, sigmas: float = 6.0) -> npt.NDArray[np.bool_]:
    """Say which pulses of a population are wide for it.

    The width is area / height, as in the usual plot of one against the other: single particles of one kind share it
    whatever their brightness, and a pair has more area for its height. It is only a statement about pulses beside
    each other, so that a finder, which knows none to come, cannot flag it.

    Parameters
    ----------
    pulses
        Of one run, most of them of single particles.
    channel
        Column to judge by.
    sigmas
        How far above the median, in units of 1.4826 times the median of the absolute deviations.

    Returns
    -------
    npt.NDArray[np.bool_]
        `(n,)`.
    """
    widths = np.array([pulse.channels[channel].area / pulse.channels[channel].height for pulse in pulses])
    if len(widths) == 0:
        return np.zeros(0, np.bool_)
    middle = np.median(widths)
    spread = SIGMA_PER_MAD * np.median(np.abs(widths - middle))
    wide: npt.NDArray[np.bool_] = widths > middle + sigmas * spread
    return wide
