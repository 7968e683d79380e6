"""Real images that flow through the simulated instruments: what they give is called semi-real.

`opening` opens a collection, which `collection` draws from: `image_files` (in `stores`: a folder or a zip), `arrays`
(npz) or a `labelled_volume`, all giving `raw` cells. `making` turns one into a phantom: `flat_cell` cuts it out along
its `outline`, `depth` gives it a third dimension, and `phantom` is what the optics look at.
"""

from simulator.phantoms.collection import Phantoms
from simulator.phantoms.opening import open_phantoms

__all__ = ["Phantoms", "open_phantoms"]
