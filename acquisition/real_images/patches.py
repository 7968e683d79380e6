"""Large images as many small ones, cut so that no pixel is learnt from and judged (paper B's patches)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from acquisition.errors import ConfigError
from acquisition.real_images.raw import Floats, RawCell, RawCells, Voxel

GROUPS = 5
"""Into so many groups whole images of a class are put, in their order, where nothing says what they come from."""


class _Place(NamedTuple):
    image: int
    y: int
    x: int


class PatchedImages:
    """Squares of the flat images of a collection, row by row; see `acquisition.real_images.raw.RawCells`.

    All squares of an image have its split and its run, whether they overlap or not. Where the collection names no
    runs, whole images of each class are put into five groups, which are the runs.

    Parameters
    ----------
    cells
        The large images.
    edge, step
        Of a square, and from one to the next, pixels. What is left over at the right and below is left out.

    Raises
    ------
    ConfigError
        If an image is a volume or smaller than a square, or images of one run are in two splits.
    """

    def __init__(self, cells: RawCells, edge: int, step: int) -> None:
        _check_splits(cells)
        self._cells, self._edge = cells, edge
        self.name = cells.name
        self._places = [place for image in range(len(cells.labels)) for place in self._squares(image, step)]
        self._last: tuple[int, RawCell] | None = None
        self.labels: Sequence[str] = self._of_images(cells.labels)
        self.splits: Sequence[str] = self._of_images(cells.splits)
        self.runs: Sequence[str] = self._of_images(cells.runs or _groups(cells.labels))
        self.facts: Mapping[str, Sequence[str]] = {n: self._of_images(words) for n, words in cells.facts.items()}
        self.voxel_um: Voxel | None = cells.voxel_um

    def read(self, index: int) -> RawCell:
        """Read one square."""
        image, y, x = self._places[index]
        # Squares are mostly read one after the other; a large image is decoded once for all.
        last = self._last
        whole = last[1] if last is not None and last[0] == image else self._cells.read(image)
        self._last = (image, whole)
        cut = np.s_[..., y : y + self._edge, x : x + self._edge]

        def square(given: Floats | None) -> Floats | None:
            return None if given is None else np.ascontiguousarray(given[cut])

        return RawCell(
            transmission=square(whole.transmission),
            side_scatter=square(whole.side_scatter),
            fluorescence=square(whole.fluorescence),
            colour=square(whole.colour),
            named={name: np.ascontiguousarray(image[cut]) for name, image in whole.named.items()},
            bright=whole.bright,
        )

    def _squares(self, image: int, step: int) -> list[_Place]:
        shapes = {one.shape for one in self._cells.read(image).flat_images.values()}
        if len(shapes) != 1 or min(next(iter(shapes))) < self._edge:
            raise ConfigError(
                f"Image {image} of '{self.name}' is a volume, or smaller than {self._edge} x {self._edge} pixels; "
                "choose smaller squares."
            )
        ((height, width),) = shapes
        rows, columns = (range(0, size - self._edge + 1, step) for size in (height, width))
        return [_Place(image, y, x) for y in rows for x in columns]

    def _of_images(self, words: Sequence[str]) -> list[str]:
        return [words[place.image] for place in self._places] if words else []


def _groups(labels: Sequence[str]) -> list[str]:
    """Put whole images of each class into five groups, in their order."""
    of_class: dict[str, list[int]] = {}
    for image, label in enumerate(labels):
        of_class.setdefault(label, []).append(image)
    names = [""] * len(labels)
    for images in of_class.values():
        for rank, image in enumerate(images):
            names[image] = f"images {rank * GROUPS // len(images) + 1} of {GROUPS}"
    return names


def _check_splits(cells: RawCells) -> None:
    parts: dict[str, str] = {}
    for split, run in zip(cells.splits, cells.runs, strict=False):
        if parts.setdefault(run, split) != split:
            raise ConfigError(
                f"Images of '{run}' of '{cells.name}' are in two splits; squares of one must be held out together."
            )
