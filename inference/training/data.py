"""Images to learn from, with labels and the run that each came from."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from acquisition.origin import Origin, least_real
from inference.errors import TrainingError
from reconstruction.images import CellImages

Floats = npt.NDArray[np.float32]
UNLABELLED = -1
FORMAT = "lightline-training-set/1"


@dataclass(frozen=True)
class TrainingSet:
    """Images of one channel; their runs are kept, because cells of one run must never be on both sides of a split.

    Attributes
    ----------
    images
        `(n, 1, y, x)` float32, as in `CellImages`.
    label
        `(n,)` int32, index into `label_names`, or `UNLABELLED`.
    label_names
        Classes, sorted; empty where nothing is labelled.
    run
        `(n,)` int32, index into `run_names`.
    run_names
        Names or source URLs of the runs.
    channel, pixel_um, instrument_kind
        What the images are of.
    origin
        How real the least real of them is.
    """

    images: Floats
    label: npt.NDArray[np.int32]
    label_names: tuple[str, ...]
    run: npt.NDArray[np.int32]
    run_names: tuple[str, ...]
    channel: str
    pixel_um: float
    instrument_kind: str
    origin: Origin

    def __post_init__(self) -> None:
        n = len(self.images)
        if self.images.ndim != 4 or self.images.shape[1] != 1 or self.images.dtype != np.float32:
            raise TrainingError(f"Training images must be (n, 1, y, x) float32, not {self.images.shape}.")
        if self.label.shape != (n,) or self.run.shape != (n,):
            raise TrainingError("A training set needs one label and one run for each image.")
        if n and not (self.label.min() >= UNLABELLED and self.label.max() < len(self.label_names)):
            raise TrainingError("A label of the training set has no name.")
        if n and not (self.run.min() >= 0 and self.run.max() < len(self.run_names)):
            raise TrainingError("A run of the training set has no name.")
        if not np.isfinite(self.images).all():
            raise TrainingError("The training images hold values that are not finite; leave rejected events out.")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def is_labelled(self) -> npt.NDArray[np.bool_]:
        """`(n,)` True where the class is known."""
        return np.asarray(self.label != UNLABELLED)

    @classmethod
    def from_images(
        cls,
        images: CellImages,
        labels: Sequence[str] | None,
        run: str,
        *,
        instrument_kind: str,
        origin: Origin,
        channel: str | None = None,
    ) -> Self:
        """Take the cells (not the rejected events) of a batch of images of one run.

        Parameters
        ----------
        images
            As reconstruction makes them.
        labels
            Class of every event, the empty string where unknown; None where nothing is known.
        run
            Name or source URL of the run.
        instrument_kind, origin
            What they come from.
        channel
            Which images; None takes the first flat ones.

        Raises
        ------
        TrainingError
            If the channel is missing or not flat, or there is not one label per event.
        """
        flat = [name for name, stack in images.images.items() if stack.ndim == 3]
        chosen = channel if channel is not None else next(iter(flat), "")
        if chosen not in flat:
            raise TrainingError(f"There are no flat images of '{chosen}'; use one of {', '.join(flat) or 'none'}.")
        names = [""] * len(images) if labels is None else list(labels)
        if len(names) != len(images):
            raise TrainingError(f"There are {len(images)} events, but {len(names)} labels; give one for each.")
        cells = np.flatnonzero(images.is_cell)
        known = tuple(sorted({names[i] for i in cells} - {""}))
        index = {name: i for i, name in enumerate(known)}
        return cls(
            images=np.ascontiguousarray(images.images[chosen][cells, None], dtype=np.float32),
            label=np.array([index.get(names[i], UNLABELLED) for i in cells], dtype=np.int32),
            label_names=known,
            run=np.zeros(len(cells), dtype=np.int32),
            run_names=(run,),
            channel=chosen,
            pixel_um=images.pixel_um,
            instrument_kind=instrument_kind,
            origin=origin,
        )

    @classmethod
    def concatenate(cls, sets: Sequence[TrainingSet]) -> TrainingSet:
        """Join sets of the same channel, grid and kind of instrument; runs and classes are matched by name.

        Raises
        ------
        TrainingError
            If they do not belong together, or there is none.
        """
        if not sets:
            raise TrainingError("There is nothing to train from; give at least two sources.")
        kinds = {(s.images.shape[2:], s.channel, round(s.pixel_um, 6), s.instrument_kind) for s in sets}
        if len(kinds) > 1:
            raise TrainingError("The training sources differ in channel, image size, pixel size or kind of instrument.")
        labels = tuple(sorted({name for s in sets for name in s.label_names}))
        runs = tuple(dict.fromkeys(name for s in sets for name in s.run_names))
        return replace(
            sets[0],
            images=np.concatenate([s.images for s in sets]),
            label=np.concatenate([_renumbered(s.label, s.label_names, labels) for s in sets]),
            label_names=labels,
            run=np.concatenate([_renumbered(s.run, s.run_names, runs) for s in sets]),
            run_names=runs,
            origin=least_real(s.origin for s in sets),
        )

    def of_runs(self, names: Sequence[str]) -> TrainingSet:
        """Return the cells of these runs alone, with the same class names."""
        wanted = [i for i, name in enumerate(self.run_names) if name in names]
        kept = tuple(self.run_names[i] for i in wanted)
        part = self.where(np.isin(self.run, wanted))
        return replace(part, run=_renumbered(part.run, self.run_names, kept), run_names=kept)

    def where(self, rows: npt.NDArray[np.bool_]) -> TrainingSet:
        """Return the cells for which `(n,)` rows is True."""
        return replace(self, images=self.images[rows], label=self.label[rows], run=self.run[rows])

    def save(self, path: Path) -> None:
        """Write the set as an `.npz` without pickled objects."""
        with path.open("wb") as out:
            np.savez_compressed(
                out,
                format=np.array(FORMAT),
                images=self.images,
                label=self.label,
                label_names=np.array(self.label_names, dtype=np.str_),
                run=self.run,
                run_names=np.array(self.run_names, dtype=np.str_),
                channel=np.array(self.channel),
                pixel_um=np.array(self.pixel_um),
                instrument_kind=np.array(self.instrument_kind),
                origin=np.array(self.origin.value),
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a set that `save` wrote.

        Raises
        ------
        TrainingError
            If the file is missing or not such a set.
        """
        try:
            # Opened here: NumPy forgets to close a file that it cannot make sense of.
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
                if str(held["format"]) != FORMAT:
                    raise TrainingError(f"The file '{path}' is not a training set of the format {FORMAT}.")
                return cls(
                    images=held["images"],
                    label=held["label"].astype(np.int32),
                    label_names=tuple(str(name) for name in held["label_names"]),
                    run=held["run"].astype(np.int32),
                    run_names=tuple(str(name) for name in held["run_names"]),
                    channel=str(held["channel"]),
                    pixel_um=float(held["pixel_um"]),
                    instrument_kind=str(held["instrument_kind"]),
                    origin=Origin(str(held["origin"])),
                )
        except FileNotFoundError:
            raise TrainingError(f"There is no training set '{path}'; check the name.") from None
        except (OSError, KeyError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
            if isinstance(error, TrainingError):
                raise
            raise TrainingError(f"The file '{path}' is not a Lightline training set, or is damaged.") from None


def _renumbered(index: npt.NDArray[np.int32], old: tuple[str, ...], new: tuple[str, ...]) -> npt.NDArray[np.int32]:
    """Turn an index into `old` into one into `new`; what has no name stays `UNLABELLED`."""
    place = {name: i for i, name in enumerate(new)}
    table = np.array([*(place.get(name, UNLABELLED) for name in old), UNLABELLED], dtype=np.int32)
    return table[index]
