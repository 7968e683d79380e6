"""What the optics draw of a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Picture:
    """What perfect detectors and samples would show of a cell.

    Attributes
    ----------
    image
        `(rows, columns)` float32.
    pixel_um
        Pitch of both.
    rows, columns
        Which axes they are.
    """

    image: Floats
    pixel_um: float
    rows: str
    columns: str
