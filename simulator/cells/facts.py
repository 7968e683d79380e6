"""What is known of a specimen beyond its kind and size; every specimen has the same keys."""

from __future__ import annotations

import math
from collections.abc import Mapping


def facts(
    *,
    nucleus_ratio: float = math.nan,
    granules: float = 0.0,
    granules_per_um3: float = 0.0,
    translocation: float = math.nan,
    gfp_area_ratio: float = math.nan,
    side_scatter_um2: float,
) -> Mapping[str, float]:
    """Return the facts of a specimen; NaN where one does not apply.

    Parameters
    ----------
    nucleus_ratio
        Diameter of the nucleus over that of the cell; for lobes, of a ball of their volume.
    granules
        Number of granules.
    granules_per_um3
        The same for each cubic micrometre of the cell.
    translocation
        Density of the fluorophore in the nucleus over that in the cytoplasm.
    gfp_area_ratio
        Area where the projected fluorophore exceeds half of its maximum, over the area of the cell.
    side_scatter_um2
        Cross-section collected by the side objective.
    """
    return {
        "nucleus_ratio": nucleus_ratio,
        "granules": granules,
        "granules_per_um3": granules_per_um3,
        "translocation": translocation,
        "gfp_area_ratio": gfp_area_ratio,
        "side_scatter_um2": side_scatter_um2,
    }
