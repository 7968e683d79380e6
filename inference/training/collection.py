"""Image collections as something to learn from: real cells in files, without the instrument that took them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from acquisition.origin import Origin
from acquisition.real_images.raw import RawCell, RawCells
from inference.errors import TrainingError
from inference.held_out import HeldOutBy
from inference.training.concept_columns import concept_columns
from inference.training.data import TrainingSet
from inference.training.stacks import StackWriter, kept_images

Floats = npt.NDArray[np.float32]

KIND = "image_collection"
"""Kind of instrument of cells whose instrument is not known."""
BLOCKS = 5
"""Into so many blocks the order of a file is cut where nothing else is known."""

_COLOURS = ("red", "green", "blue")
_FRAME_PX = 2
_BRIGHTEST = 95
"""Percentile of a colour of a smear that is its empty background: other cells stand at the frame."""
_MEASURED = 64
_HALVINGS = 16
_LAST_SHARE = 8
_FIRST_SPLITS = ("train", "training", "fit")
_MIDDLE_SPLITS = ("val", "valid", "validation", "dev", "tune")
_LAST_SPLITS = ("test", "hold-out", "holdout")


@dataclass(frozen=True)
class CollectionOptions:
    """What is taken of a collection, and how.

    Attributes
    ----------
    channels
        Names of the images, any number; without any, the three colours, or the first channel there is.
    side
        Edge of the square that images are centred in, cropped or padded with empty background, pixels; None takes the
        largest of the first images, rounded up.
    shrink
        Edge of the squares of pixels whose means are learnt from.
    pixel_um
        Edge of a pixel; None takes what the collection is known for, and may stay unknown.
    concepts
        What people say of cells, see `concept_columns`.
    """

    channels: tuple[str, ...] = ()
    side: int | None = None
    shrink: int = 1
    pixel_um: float | None = None
    concepts: tuple[str, ...] = ()


def from_collection(
    cells: RawCells,
    place: str,
    options: CollectionOptions,
    progress: Callable[[int, int], None],
    *,
    most: int | None = None,
) -> TrainingSet:
    """Return the images of a collection, an empty pixel of which is 1 as an instrument's.

    Transmission is divided by the image's own empty background, each colour of a smear by its own white. Of light on a
    dark background the image's own frame is subtracted, and 1 plus the signed root of the counts is kept, so that its
    noise is the same everywhere.

    Parameters
    ----------
    cells
        Where they are read from.
    place
        Name that the runs begin with.
    progress
        Takes the cells so far and their number.
    most
        Take at most so many, evenly over the file; None takes all.

    Raises
    ------
    TrainingError
        If a channel is missing, or the images are volumes.
    ConfigError
        If an image cannot be read.
    """
    every = len(cells.labels)
    chosen = np.arange(every) if most is None or most >= every else np.linspace(0, every - 1, most).astype(np.int64)
    channels = _channels(cells.read(int(chosen[0])), options.channels, place)
    side = options.side or _side(cells, chosen, options.shrink)
    if side % options.shrink:
        raise TrainingError(f"A side of {side} pixels holds no squares of {options.shrink}; choose another.")
    stacks = {name: StackWriter() for name in channels}
    for row, index in enumerate(chosen.tolist()):
        cell = cells.read(index)
        images = cell.flat_images
        for name, stack in stacks.items():
            if name not in images:
                raise TrainingError(f"Image {index} of '{place}' has no '{name}' as others have; leave it out.")
            light = relative_light(images[name], "transmission" if name in cell.bright else name)
            flat = centred(light, side)
            stack.append(kept_images(flat[np.newaxis], options.shrink))
        progress(row + 1, len(chosen))
    run, run_names, held_out_by = _runs(cells, chosen, place)
    labels = [cells.labels[index] for index in chosen]
    facts = {name: [words[index] for index in chosen] for name, words in cells.facts.items()}
    known_um = options.pixel_um or (cells.voxel_um[1] if cells.voxel_um is not None else None)
    return TrainingSet(
        images={name: stack.finish() for name, stack in stacks.items()},
        pool=dict.fromkeys(channels, options.shrink),
        label=np.full(len(chosen), -1, dtype=np.int32),
        label_names=(),
        run=run,
        run_names=run_names,
        pixel_um=known_um,
        instrument_kind=KIND,
        origin=Origin.MEASURED,
        held_out_by=held_out_by,
        factors=concept_columns(options.concepts, facts, labels, place),
    ).labelled(labels)


def relative_light(image: Floats, channel: str) -> Floats:
    """Bring the empty background of a `(y, x)` image to 1; see `from_collection`."""
    if channel in (*_COLOURS, "grey"):
        return image / max(float(np.percentile(image, _BRIGHTEST)), 1.0)
    rows, columns = slice(_FRAME_PX, -_FRAME_PX), slice(_FRAME_PX, -_FRAME_PX)
    inside = np.zeros(image.shape, dtype=np.bool_)
    inside[rows, columns] = True
    empty = float(np.median(image[~inside]))
    if channel == "transmission":
        return image / max(empty, 1e-6)
    light = image - empty
    return np.asarray(1 + np.sign(light) * np.sqrt(np.abs(light)), dtype=np.float32)


def centred(image: Floats, side: int) -> Floats:
    """Crop a `(y, x)` image to a square about its middle, or pad it with the background, which is 1."""
    out = np.ones((side, side), dtype=np.float32)
    cut = tuple(_overlap(size, side) for size in image.shape)
    out[tuple(to for _, to in cut)] = image[tuple(of for of, _ in cut)]
    return out


def with_held_out_parts(cells: TrainingSet) -> TrainingSet:
    """Cut a collection that does not name parts enough: one into five blocks, the larger of two by its last eighth.

    Blocks are of each class in the file's order. A set of runs is returned as it is.
    """
    if cells.held_out_by is HeldOutBy.RUN or len(cells.run_names) > 2:
        return cells
    if len(cells.run_names) == 1:
        names = tuple(f"{cells.run_names[0]}, block {k + 1} of {BLOCKS}" for k in range(BLOCKS))
        run = (_rank(cells.label) * BLOCKS).astype(np.int32)
        return replace(cells, run=run, run_names=names, held_out_by=HeldOutBy.BLOCK)
    if cells.held_out_by is HeldOutBy.FILE:
        return cells
    first, last = cells.run_names
    rank = np.zeros(len(cells))
    rank[cells.run == 0] = _rank(cells.label[cells.run == 0])
    run = np.where(cells.run == 1, 2, rank >= 1 - 1 / _LAST_SHARE).astype(np.int32)
    return replace(cells, run=run, run_names=(first, f"{first}, last eighth of each class", last))


def _channels(raw: RawCell, asked: Sequence[str], place: str) -> tuple[str, ...]:
    known = tuple(raw.flat_images)
    if not known:
        raise TrainingError(
            f"The images of '{place}' are volumes, and flat ones are learnt from; if they are channels, name "
            "these in an array 'channels'."
        )
    for name in asked:
        if name not in known:
            raise TrainingError(f"There are no images of '{name}' in '{place}'; use one of {', '.join(known)}.")
    return tuple(asked) or (_COLOURS if set(_COLOURS) <= set(known) else known[:1])


def _side(cells: RawCells, chosen: npt.NDArray[np.int64], shrink: int) -> int:
    """Edge of a square that holds the largest of some images, and that four halvings of its means fit."""
    some = chosen[np.unique(np.linspace(0, len(chosen) - 1, _MEASURED).astype(np.int64))]
    largest = int(max(max(image.shape) for k in some.tolist() for image in cells.read(k).flat_images.values()))
    step = _HALVINGS * shrink
    return -(-largest // step) * step


def _overlap(size: int, side: int) -> tuple[slice, slice]:
    """Where a line of `size` pixels, centred on one of `side`, is read, and where it comes to lie."""
    kept = min(size, side)
    of, to = (size - kept) // 2, (side - kept) // 2
    return slice(of, of + kept), slice(to, to + kept)


def _runs(
    cells: RawCells, chosen: npt.NDArray[np.int64], place: str
) -> tuple[npt.NDArray[np.int32], tuple[str, ...], HeldOutBy]:
    """Return the part of every cell, and the parts' names in the order that they are learnt from, and then measure.

    What the collection says itself comes before what it says of runs, so that its figures can be compared.
    """
    for words, what in ((cells.splits, HeldOutBy.SPLIT), (cells.runs, HeldOutBy.RUN)):
        if words:
            own = [words[index] for index in chosen.tolist()]
            parts = sorted(dict.fromkeys(own), key=_turn)
            run = np.array([parts.index(part) for part in own], dtype=np.int32)
            return run, tuple(f"{place}, {what} {part}" for part in parts), what
    return np.zeros(len(chosen), dtype=np.int32), (place,), HeldOutBy.FILE


def _turn(part: str) -> int:
    """Place of a part in the order that they are learnt from, stop a training and measure it."""
    turns = ((0, _FIRST_SPLITS), (2, _MIDDLE_SPLITS), (3, _LAST_SPLITS))
    known = [turn for turn, words in turns if part.lower() in words]
    return known[0] if known else 1


def _rank(label: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Return where each cell stands among those of its class, in order, 0 to just below 1."""
    rank = np.empty(len(label))
    for each in np.unique(label):
        rows = np.flatnonzero(label == each)
        rank[rows] = np.arange(len(rows)) / len(rows)
    return rank
