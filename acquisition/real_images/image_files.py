"""Cells as one image file each, labelled by their folders or by a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from acquisition.errors import ConfigError
from acquisition.real_images.decode import SUFFIXES, colour_size, decode
from acquisition.real_images.raw import RawCell, Voxel
from acquisition.real_images.stores import Store

TABLE = "labels.csv"
"""A table that labels the images: columns `file` and `class`, maybe `split`, what they come from, and facts; without it
folders are the labels."""
_RUNS = ("run", "source", "donor", "patient", "slide")
"""Columns that may say what an image comes from; the first one that is there counts."""
MOST_FILES = 1_000_000
SMEAR_PIXEL_UM: Mapping[tuple[int, int], float] = {(360, 363): 0.10, (363, 360): 0.10, (128, 128): 0.28}
"""Pixel of colour images of these sizes, taken for the blood smears of Acevedo et al. (2020): about 0.1 um at 360 x 363
pixels as published, thus 0.28 um reduced to 128, where red cells are some 7.5 um wide (an assumption)."""


@dataclass(frozen=True, slots=True)
class _Row:
    """What a table says of an image; split and run, and the words of facts, may be empty."""

    label: str
    split: str
    run: str
    facts: dict[str, str]


class ImageFiles:
    """Images of a store in the order of their names; see `acquisition.real_images.raw.RawCells`.

    An image that lies in no folder is called like the whole; the pixel is known where the first image has the size of a
    blood smear.

    Raises
    ------
    ConfigError
        If there is no image, or the table of labels is not one.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.name = store.name
        names = sorted(store.names())
        if len(names) > MOST_FILES:
            raise ConfigError(f"'{store.name}' holds {len(names)} files; at most {MOST_FILES} are taken.")
        images = [name for name in names if name.lower().endswith(SUFFIXES) and not _is_hidden(name)]
        table = _read_table(store) if TABLE in names else {}
        self._images = [name for name in images if name in table] if table else images
        if not self._images:
            raise ConfigError(
                f"There are no images in '{store.name}'; put {', '.join(SUFFIXES)} files in a folder for each class."
            )
        rows = [table[name] for name in self._images] if table else []
        self.labels: Sequence[str] = [row.label for row in rows] or [
            PurePosixPath(n).parent.name or self.name for n in self._images
        ]
        self.splits: Sequence[str] = [row.split for row in rows] if any(row.split for row in rows) else []
        self.runs: Sequence[str] = [row.run for row in rows] if any(row.run for row in rows) else []
        self.facts: Mapping[str, Sequence[str]] = {
            name: [row.facts[name] for row in rows] for name in (rows[0].facts if rows else ())
        }
        size = colour_size(store.read(self._images[0]))
        pixel_um = SMEAR_PIXEL_UM.get(size) if size else None
        self.voxel_um: Voxel | None = None if pixel_um is None else (pixel_um,) * 3

    def read(self, index: int) -> RawCell:
        """Read one image."""
        name = self._images[index]
        return decode(self._store.read(name), name)


def _is_hidden(name: str) -> bool:
    """Whether a name is none that people give: what systems put beside files, or a way out of the folder."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _read_table(store: Store) -> dict[str, _Row]:
    """Return what the table says of every file that it lists."""
    try:
        rows = list(csv.DictReader(io.StringIO(store.read(TABLE).decode("utf-8-sig"))))
        source = next((column for column in _RUNS if rows and column in rows[0]), "")
        facts = [name for name in (rows[0] if rows else ()) if name and name not in ("file", "class", "split", source)]
        found = {
            row["file"]: _Row(
                row["class"].strip(),
                _word(row, "split"),
                _word(row, source),
                {name: _word(row, name) for name in facts},
            )
            for row in rows
        }
    except (KeyError, ValueError, AttributeError, csv.Error):
        raise ConfigError(f"The {TABLE} of '{store.name}' needs the columns file and class; correct it.") from None
    if not all(row.label for row in found.values()):
        raise ConfigError(f"The {TABLE} of '{store.name}' has rows without a class; fill them in.")
    return found


def _word(row: Mapping[str, str | None], column: str) -> str:
    return (row.get(column) or "").strip()
