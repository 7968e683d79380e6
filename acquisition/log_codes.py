"""Samples that an instrument compressed to eight bits on a logarithmic scale, made linear again.

CytoBuoy's CytoSense stores each sample as one byte. Which of its scales a file has stands in the file, as the number of
its `LogConversion`; the scales are those of the maker's public reader (CyzFile-API, `ChannelData.vb`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.folding import Floats

_STEP_MV = 0.125
_CODES = 256


def four_decades() -> Floats:
    """Return the millivolts of each code of the analogue logarithmic amplifier: 0.5 mV x 10^(code / 63.75).

    `(256,)` float32. The scale of instruments before the 16-bit electronics (conversion 1 there).
    """
    return (0.5 * 10 ** (np.arange(_CODES) / 63.75)).astype(np.float32)


def sixteen_decades() -> Floats:
    """Return the millivolts of each code of the 16-bit electronics' compression (conversion 2).

    `(256,)` float32. Up to 63 the code is the 16-bit sample itself; beyond, its upper four bits name a range and its
    lower four one of sixteen equal steps in it, whose middle is meant. The ranges are 64 to 4095 octave by octave, then
    4096 to 16383 and 16384 to 65535 in three parts each. A bit of the sample is 0.125 mV.
    """
    codes = np.arange(_CODES)
    upper, lower = codes >> 4, codes & 15
    floors = np.array([0, 16, 32, 48, *(64 << np.arange(6)), *(4096 * np.arange(1, 4)), *(16384 * np.arange(1, 4))])
    steps = np.array([1, 1, 1, 1, *(4 << np.arange(6)), *[256] * 3, *[1024] * 3])
    millivolts: Floats = (_STEP_MV * (floors[upper] + lower * steps[upper] + steps[upper] // 2)).astype(np.float32)
    return millivolts


def linear(codes: npt.NDArray[np.uint8], scale: Floats) -> Floats:
    """Return the values of codes, of the same shape, by a `(256,)` scale."""
    values: Floats = scale[codes]
    return values
