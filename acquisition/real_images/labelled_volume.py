"""One stack with many cells, and a stack of the same size that says which voxel belongs to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from acquisition.real_images.decode import read_tiff
from acquisition.real_images.raw import RawCell, Voxel
from acquisition.real_images.stores import FolderStore

LABEL_ENDING = "_label"
_LEAST_VOXELS = 100
_Box = tuple[slice, slice, slice]


def label_file(stack: Path) -> Path | None:
    """Return the file that labels a stack: `nuclei_label.tif` beside `nuclei.tif`; None where there is none."""
    found = stack.with_name(f"{stack.stem}{LABEL_ENDING}{stack.suffix}")
    return found if found.is_file() else None


class LabelledVolume:
    """Every labelled body of a stack as a volume of its own; see `acquisition.real_images.raw.RawCells`.

    Bodies that touch the rim of a plane are cut by it and left out.

    Raises
    ------
    ConfigError
        If the two files do not fit, or no body is whole.
    """

    def __init__(self, stack: Path, labels: Path) -> None:
        self._name = stack.stem
        store = FolderStore(stack.parent)
        self._stack = read_tiff(store.read(stack.name), stack.name)
        self._numbers = read_tiff(store.read(labels.name), labels.name)
        fits = self._stack.shape == self._numbers.shape and self._stack.ndim == 3
        if not fits or self._numbers.dtype.kind not in "iu" or self._stack.dtype.kind not in "uif":
            raise ConfigError(
                f"'{labels.name}' must hold whole numbers on the same (z, y, x) grid as '{stack.name}', "
                f"but they are {self._numbers.shape} and {self._stack.shape}."
            )
        self._boxes = _whole_bodies(self._numbers)
        if not self._boxes:
            raise ConfigError(f"There is no whole body in '{labels.name}'; all touch the rim, or nothing is labelled.")

    @property
    def name(self) -> str:
        """Name of the stack without its suffix."""
        return self._name

    @property
    def labels(self) -> Sequence[str]:
        """The name of the stack, for every body."""
        return [self._name] * len(self._boxes)

    @property
    def splits(self) -> Sequence[str]:
        """None."""
        return []

    @property
    def runs(self) -> Sequence[str]:
        """None."""
        return []

    @property
    def facts(self) -> Mapping[str, Sequence[str]]:
        """None."""
        return {}

    @property
    def voxel_um(self) -> Voxel | None:
        """Unknown: has to be given."""
        return None

    def read(self, index: int) -> RawCell:
        """Return one body in a box that is one voxel wider, 0 outside of the body."""
        number, box = self._boxes[index]
        inside = self._numbers[box] == number
        return RawCell(volume=np.pad(np.where(inside, self._stack[box], 0).astype(np.float32), 1))


def _whole_bodies(numbers: npt.NDArray[np.generic]) -> list[tuple[int, _Box]]:
    """Return number and bounding box of every body that does not touch the rim of a plane."""
    found = []
    for number in np.unique(numbers).tolist():
        if number == 0:
            continue
        inside = numbers == number
        if int(inside.sum()) < _LEAST_VOXELS:
            continue
        z, y, x = (np.flatnonzero(inside.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
        if y[0] > 0 and x[0] > 0 and y[-1] < numbers.shape[1] - 1 and x[-1] < numbers.shape[2] - 1:
            found.append((int(number), (_span(z), _span(y), _span(x))))
    return found


def _span(places: npt.NDArray[np.intp]) -> slice:
    return slice(int(places[0]), int(places[-1]) + 1)
