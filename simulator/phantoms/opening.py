"""Open a collection of real cells from a file or folder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from acquisition.real_images.opening import open_real_images
from acquisition.real_images.raw import RawCells, Voxel
from simulator.phantoms.collection import Phantoms
from simulator.phantoms.making import typical_scale

MEASURED_CELLS = 48
"""Cells that are looked at to know how bright the median one is."""


def open_phantoms(
    path: str | Path,
    *,
    pixel_um: float | str | Sequence[float] | None = None,
    sample: str | Mapping[str, float] | None = None,
    split: str | None = None,
) -> Phantoms:
    """Open a collection of real cells.

    Parameters
    ----------
    path
        A folder or zip of images (png, jpg, tif) with a folder for each class, or with `labels.csv`; an npz with `x`,
        `y`, `classes`, `channels`; or a stack `NAME.tif` beside `NAME_label.tif`, or the folder of both.
    pixel_um
        Edge of a pixel, or of a voxel as z, y, x (as text `0.29,0.26,0.26`), um; None takes what the collection is
        known for.
    sample
        Labels and their shares, such as `G1:0.5,G2:0.5`, adding up to 1; None takes all in the proportion of the files.
    split
        Take only cells of this split, where the collection has splits.

    Raises
    ------
    ConfigError
        If the path is missing or of no kind that is read, there are no images, a label or split is unknown, shares do
        not add up, or the pixel is neither given nor known.
    """
    cells = open_real_images(Path(path))
    voxel_um = _voxel(cells, pixel_um)
    members = _members(cells, split)
    shares = _shares(cells, members, sample)
    chosen = np.sort(np.concatenate([members[label] for label in shares]))
    some = chosen[np.unique(np.linspace(0, len(chosen) - 1, MEASURED_CELLS).astype(np.int64))]
    scale = typical_scale([cells.read(int(index)) for index in some], voxel_um, cells.name)
    return Phantoms(cells, members, shares, voxel_um, scale)


def _voxel(cells: RawCells, pixel_um: float | str | Sequence[float] | None) -> Voxel:
    if pixel_um is None:
        if cells.voxel_um is None:
            raise ConfigError(f"The pixel of '{cells.name}' is not known; say pixel_um, its edge in micrometres.")
        return cells.voxel_um
    try:
        parts = pixel_um.split(",") if isinstance(pixel_um, str) else np.atleast_1d(np.asarray(pixel_um)).tolist()
        edges = [float(part) for part in parts]
    except (TypeError, ValueError):
        edges = []
    edges = 3 * edges if len(edges) == 1 else edges
    if len(edges) != 3 or not all(math.isfinite(edge) and 0 < edge <= 10 for edge in edges):
        raise ConfigError(f"pixel_um must be one number above 0, at most 10, or three (z, y, x), not {pixel_um}.")
    return edges[0], edges[1], edges[2]


def _members(cells: RawCells, split: str | None) -> dict[str, npt.NDArray[np.int64]]:
    labels = np.array(cells.labels)
    usable = np.ones(len(labels), dtype=np.bool_)
    if split is not None:
        known = sorted(set(cells.splits))
        if split not in known:
            raise ConfigError(f"'{cells.name}' has no split '{split}'; it has {', '.join(known) or 'none'}.")
        usable = np.array(cells.splits) == split
    # In the order of the collection, as its classes are listed there.
    return {str(label): np.flatnonzero(usable & (labels == label)) for label in dict.fromkeys(labels[usable].tolist())}


def _shares(
    cells: RawCells, members: Mapping[str, npt.NDArray[np.int64]], sample: str | Mapping[str, float] | None
) -> dict[str, float]:
    if sample is None:
        total = sum(len(found) for found in members.values())
        return {label: len(found) / total for label, found in members.items()}
    asked: dict[str, float] = _parse_shares(sample) if isinstance(sample, str) else dict(sample)
    for label, share in asked.items():
        if label not in members:
            raise ConfigError(f"'{cells.name}' has no class '{label}'; use one of {', '.join(members)}.")
        if not (math.isfinite(share) and share > 0):
            raise ConfigError(f"The share of the class '{label}' must be above 0, not {share:g}.")
    whole = math.fsum(asked.values())
    if abs(whole - 1.0) > 1e-3:
        raise ConfigError(f"The shares of the classes add up to {whole:g}; make them add up to 1.")
    return {label: share / whole for label, share in asked.items()}


def _parse_shares(text: str) -> dict[str, float]:
    """Read `G1:0.5,G2:0.5`; a label alone is the whole."""
    shares: dict[str, float] = {}
    for item in text.split(","):
        # Labels may hold colons, numbers do not.
        label, colon, number = item.strip().rpartition(":")
        label, number = (label, number) if colon else (number, "1")
        try:
            share = float(number)
        except ValueError:
            raise ConfigError(
                f"'{item.strip()}' is no class with its share; write NAME:SHARE, such as G1:0.5."
            ) from None
        if label in shares:
            raise ConfigError(f"The class '{label}' stands twice in the sample; name it once.")
        shares[label] = share
    return shares
