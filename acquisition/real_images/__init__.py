"""Images of real cells in files: what phantoms are made of, and what models can learn from without an instrument.

`opening` opens a collection: `image_files` (in `stores`: a folder or a zip, each file `decode`d), `arrays` (npz) or a
`labelled_volume`, all giving `raw` cells; `patches` cuts large images.
"""

from acquisition.real_images.opening import open_real_images
from acquisition.real_images.patches import PatchedImages
from acquisition.real_images.raw import RawCell, RawCells

__all__ = ["PatchedImages", "RawCell", "RawCells", "open_real_images"]
