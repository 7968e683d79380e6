"""Real images that flow through the simulated instruments: what they give is called semi-real.

`opening` opens a collection of `acquisition.real_images`, which `collection` draws from. `making` turns a cell of it
into a phantom: `flat_cell` cuts it out along its `outline`, `depth` gives it a third dimension, and `phantom` is what
the optics look at.
"""

from simulator.phantoms.collection import Phantoms
from simulator.phantoms.opening import open_phantoms

__all__ = ["Phantoms", "open_phantoms"]
