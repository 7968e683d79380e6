"""How faithfully side scatter is made (specification F.3)."""

from __future__ import annotations

from enum import StrEnum


class ImageLevel(StrEnum):
    """How faithfully side scatter is made; higher levels validate lower ones."""

    L0 = "L0"
    """Points that scatter on their own: the default, milliseconds a cell."""
    L1 = "L1"
    """First Born approximation, coherent: seconds a cell."""
    L2 = "L2"
    """As L0, with beads as bright as Mie's theory has them."""
