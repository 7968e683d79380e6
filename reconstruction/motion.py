"""What the kernels of images share: an image in memory, and how the cell in it moved."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]


class Motion(NamedTuple):
    """How a cell moves: when it passes y = 0, and how fast."""

    start_tick: float
    um_per_tick: float
