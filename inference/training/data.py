"""Images to learn from, with labels and the run that each came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from acquisition.origin import Origin, least_real
from inference.errors import TrainingError
from inference.held_out import HeldOutBy
from inference.training.set_archive import Columns, damaged, read_archive, write_archive
from inference.training.stacks import NOT_FINITE, Stack, StackWriter, StoredStack, are_finite, chosen, kept_images
from reconstruction.images import CellImages

UNLABELLED = -1
_FACTOR = "factor_"


@dataclass(frozen=True)
class TrainingSet:
    """Images of one or more channels, with their runs: cells of one run must never be on both sides of a split.

    Attributes
    ----------
    images
        By channel, `(n, y, x)` or `(n, z, y, x)` float32 as in `CellImages`; volumes may be float16, and means over
        cubes of voxels. Of each channel, at most 256 MiB are in memory; what is more lies in a file, see `stacks`.
    pool
        By channel, the edge of those cubes, voxels; 1 where there are none.
    label
        `(n,)` int32, index into `label_names`, or `UNLABELLED`.
    label_names
        Classes, sorted; empty where nothing is labelled.
    run
        `(n,)` int32, index into `run_names`.
    run_names
        Names or source URLs of the runs.
    pixel_um
        Edge of a pixel or voxel, as the instrument gives them, before means were taken; None where it is unknown.
    instrument_kind
        What they come from.
    origin
        How real the least real of them is.
    held_out_by
        What the runs are; `run` unless they are parts of a collection of images.
    factors
        By name, `(n,)` float64 true values of what cells differ by, NaN where unknown; empty where nobody asked.
    """

    images: Mapping[str, Stack]
    pool: Mapping[str, int]
    label: npt.NDArray[np.int32]
    label_names: tuple[str, ...]
    run: npt.NDArray[np.int32]
    run_names: tuple[str, ...]
    pixel_um: float | None
    instrument_kind: str
    origin: Origin
    held_out_by: HeldOutBy = HeldOutBy.RUN
    factors: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.images or self.images.keys() != self.pool.keys():
            raise TrainingError("A training set needs images of at least one channel.")
        n = len(self.label)
        for name, stack in self.images.items():
            if stack.ndim not in (3, 4) or len(stack) != n or stack.dtype not in (np.float32, np.float16):
                raise TrainingError(
                    f"Training images must be (n, y, x) or (n, z, y, x) of float32 or float16, and '{name}' is "
                    f"{stack.shape} of {stack.dtype}."
                )
            # What lies in a file was looked at on its way there.
            if not isinstance(stack, StoredStack) and not are_finite(stack):
                raise TrainingError(NOT_FINITE)
        if self.label.shape != (n,) or self.run.shape != (n,):
            raise TrainingError("A training set needs one label and one run for each image.")
        if any(values.shape != (n,) for values in self.factors.values()):
            raise TrainingError("A training set needs one value of every factor for each image.")
        if n and not (self.label.min() >= UNLABELLED and self.label.max() < len(self.label_names)):
            raise TrainingError("A label of the training set has no name.")
        if n and not (self.run.min() >= 0 and self.run.max() < len(self.run_names)):
            raise TrainingError("A run of the training set has no name.")

    def __len__(self) -> int:
        return len(self.label)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the images, in the order that a model takes them."""
        return tuple(self.images)

    @property
    def grid(self) -> tuple[tuple[str, tuple[int, ...], int], ...]:
        """Name, shape and pool of every channel's images."""
        return tuple((name, stack.shape[1:], self.pool[name]) for name, stack in self.images.items())

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
        channels: Sequence[str] | None = None,
        volume_pool: int = 1,
        image_pool: int = 1,
    ) -> TrainingSet:
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
        channels
            Which images; None takes the first flat ones.
        volume_pool
            Edge of the cubes of voxels whose means are kept of volumes, as float16.
        image_pool
            Edge of the squares of pixels whose means are kept of flat images.

        Raises
        ------
        TrainingError
            If a channel is missing, or there is not one label per event.
        """
        flat = [name for name, stack in images.images.items() if stack.ndim == 3]
        chosen = flat[:1] if channels is None else list(dict.fromkeys(channels))
        for name in chosen or [""]:
            if name not in images.images:
                known = ", ".join(images.images) or "none"
                raise TrainingError(f"There are no images of '{name}'; use one of {known}.")
        stacks = {name: images.images[name] for name in chosen}
        pool = {name: volume_pool if stack.ndim == 4 else image_pool for name, stack in stacks.items()}
        names = [""] * len(images) if labels is None else list(labels)
        if len(names) != len(images):
            raise TrainingError(f"There are {len(images)} events, but {len(names)} labels; give one for each.")
        cells = np.flatnonzero(images.is_cell)
        return cls(
            images={name: kept_images(stack[cells], pool[name]) for name, stack in stacks.items()},
            pool=pool,
            label=np.full(len(cells), UNLABELLED, dtype=np.int32),
            label_names=(),
            run=np.zeros(len(cells), dtype=np.int32),
            run_names=(run,),
            pixel_um=images.pixel_um,
            instrument_kind=instrument_kind,
            origin=origin,
        ).labelled([names[i] for i in cells])

    @classmethod
    def concatenate(cls, sets: Iterable[TrainingSet]) -> TrainingSet:
        """Join sets of the same channels, grid and kind of instrument; runs and classes are matched by name.

        Raises
        ------
        TrainingError
            If they do not belong together, or there is none.
        """
        writers: dict[str, StackWriter] = {}
        told: list[_Told] = []
        for cells in sets:
            told.append(_Told.of(cells))
            if told[-1].kind != told[0].kind:
                raise TrainingError(
                    "The training sources differ in channels, image size, precision, pixel size, kind of instrument, "
                    "in what names their parts, or in what factors are known."
                )
            for name, stack in cells.images.items():
                writers.setdefault(name, StackWriter()).append(stack)
        if not told:
            raise TrainingError("There is nothing to train from; give at least two sources.")
        grid, _, instrument_kind, held_out_by, _, factors = told[0].kind
        labels = tuple(sorted({name for s in told for name in s.label_names}))
        runs = tuple(dict.fromkeys(name for s in told for name in s.run_names))
        return cls(
            images={name: writer.finish() for name, writer in writers.items()},
            pool={name: pool for name, _, pool in grid},
            label=np.concatenate([_renumbered(s.label, s.label_names, labels) for s in told]),
            label_names=labels,
            run=np.concatenate([_renumbered(s.run, s.run_names, runs) for s in told]),
            run_names=runs,
            pixel_um=told[0].pixel_um,
            instrument_kind=instrument_kind,
            origin=least_real(s.origin for s in told),
            held_out_by=held_out_by,
            factors={name: np.concatenate([s.factors[name] for s in told]) for name in factors},
        )

    def of_runs(self, names: Sequence[str]) -> TrainingSet:
        """Return the cells of these runs alone, with the same class names."""
        wanted = [i for i, name in enumerate(self.run_names) if name in names]
        kept = tuple(self.run_names[i] for i in wanted)
        part = self.where(np.isin(self.run, wanted))
        return replace(part, run=_renumbered(part.run, self.run_names, kept), run_names=kept)

    def labelled(self, names: Sequence[str]) -> TrainingSet:
        """Return the cells with these classes, one name each, the empty string where it is not known."""
        known = tuple(sorted(set(names) - {""}))
        index = {name: i for i, name in enumerate(known)}
        label = np.array([index.get(name, UNLABELLED) for name in names], dtype=np.int32)
        return replace(self, label=label, label_names=known)

    def where(self, rows: npt.NDArray[np.bool_]) -> TrainingSet:
        """Return the cells for which `(n,)` rows is True; where they follow each other, no images are copied."""
        kept = np.flatnonzero(rows)
        in_a_row = kept.size > 0 and bool(np.all(np.diff(kept) == 1))
        index = slice(int(kept[0]), int(kept[-1]) + 1) if in_a_row else kept
        images = {name: chosen(stack, index) for name, stack in self.images.items()}
        factors = {name: values[rows] for name, values in self.factors.items()}
        return replace(self, images=images, label=self.label[rows], run=self.run[rows], factors=factors)

    def as_given(self, rows: slice) -> dict[str, npt.NDArray[np.float32]]:
        """Return images as a channel gives them, `(n, ...)` float32: voxels that share a mean all have it."""
        given = {}
        for name, stack in self.images.items():
            part = np.asarray(stack[rows], dtype=np.float32)
            for axis in range(1, part.ndim):
                part = np.repeat(part, self.pool[name], axis=axis) if self.pool[name] > 1 else part
            given[name] = np.ascontiguousarray(part)
        return given

    def save(self, path: Path) -> None:
        """Write the set as an `.npz` without pickled objects."""
        columns: Columns = {
            "pool": np.array([self.pool[name] for name in self.channels]),
            "label": self.label,
            "label_names": np.array(self.label_names, dtype=np.str_),
            "run": self.run,
            "run_names": np.array(self.run_names, dtype=np.str_),
            "pixel_um": np.array(np.nan if self.pixel_um is None else self.pixel_um),
            "instrument_kind": np.array(self.instrument_kind),
            "origin": np.array(self.origin.value),
            "held_out_by": np.array(self.held_out_by.value),
            **{_FACTOR + name: values for name, values in self.factors.items()},
        }
        write_archive(path, columns, self.images)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a set that `save` wrote.

        Raises
        ------
        TrainingError
            If the file is missing or not such a set.
        """
        columns, images = read_archive(path)
        try:
            return cls(
                images=images,
                pool=dict(zip(images, columns["pool"].tolist(), strict=True)),
                label=columns["label"].astype(np.int32),
                label_names=tuple(str(name) for name in columns["label_names"]),
                run=columns["run"].astype(np.int32),
                run_names=tuple(str(name) for name in columns["run_names"]),
                pixel_um=None if np.isnan(columns["pixel_um"]) else float(columns["pixel_um"]),
                instrument_kind=str(columns["instrument_kind"]),
                origin=Origin(str(columns["origin"])),
                held_out_by=HeldOutBy(str(columns["held_out_by"])) if "held_out_by" in columns else HeldOutBy.RUN,
                factors={
                    name.removeprefix(_FACTOR): values for name, values in columns.items() if name.startswith(_FACTOR)
                },
            )
        except (KeyError, ValueError, TypeError) as error:
            if isinstance(error, TrainingError):
                raise
            raise damaged(path) from None


_Grid = tuple[tuple[str, tuple[int, ...], int], ...]
_Kind = tuple[_Grid, float | None, str, HeldOutBy, tuple[np.dtype[np.floating], ...], tuple[str, ...]]


@dataclass(frozen=True)
class _Told:
    """What a set says of its cells, kept while sets are joined and their images are put away."""

    label: npt.NDArray[np.int32]
    label_names: tuple[str, ...]
    run: npt.NDArray[np.int32]
    run_names: tuple[str, ...]
    origin: Origin
    pixel_um: float | None
    factors: Mapping[str, npt.NDArray[np.float64]]
    kind: _Kind

    @classmethod
    def of(cls, cells: TrainingSet) -> Self:
        """Return what a set says."""
        precision = tuple(stack.dtype for stack in cells.images.values())
        pixel_um = cells.pixel_um and round(cells.pixel_um, 6)
        kind = cells.grid, pixel_um, cells.instrument_kind, cells.held_out_by, precision, tuple(cells.factors)
        known = cells.label, cells.label_names, cells.run, cells.run_names, cells.origin, cells.pixel_um, cells.factors
        return cls(*known, kind)


def _renumbered(index: npt.NDArray[np.int32], old: tuple[str, ...], new: tuple[str, ...]) -> npt.NDArray[np.int32]:
    """Turn an index into `old` into one into `new`; what has no name stays `UNLABELLED`."""
    place = {name: i for i, name in enumerate(new)}
    table = np.array([*(place.get(name, UNLABELLED) for name in old), UNLABELLED], dtype=np.int32)
    return table[index]
