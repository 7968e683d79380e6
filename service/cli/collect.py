"""Cells to learn from: a source walked to images, a run folder, a saved set, a collection of images, or sprites."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from acquisition.detection import detector_for
from acquisition.errors import ConfigError
from acquisition.event import Event
from acquisition.file_kind import guess_url
from acquisition.instrument import Instrument
from acquisition.real_images import PatchedImages, RawCells, open_real_images
from acquisition.source import Source, Truth, blocks, open_source, split_url
from inference.errors import TrainingError
from reconstruction.transform import Transform, transform_for
from service.cli.model_kinds import Wanted
from service.cli.progress import Progress, progress_bar
from service.cli.stored_cells import from_run
from service.cli.true_factors import true_factors
from service.runs.truth import STORED, TOLERANCE_UM, Triggers, match_truth
from service.store.run_files import RUN_JSON

if TYPE_CHECKING:
    from inference.training.data import TrainingSet

MOST_CELLS = 1000
"""Of a source or run, where nothing else is said."""

_BATCH = 64
_SPRITES = "sprites"


def collect(place: str, cells: int | None, wanted: Wanted, progress: Progress) -> TrainingSet:
    """Return images and labels from one place.

    Parameters
    ----------
    place
        A source URL, a recording, a run folder, a training set (`.npz`), a collection of images: a folder, a `.zip`,
        or an `.npz` of them; or `sprites:?seed=1`, drawn images.
    cells
        Take at most about so many cells from a source, run or collection; None takes 1000, of a collection all.
    wanted
        Which images; a training set has its own.
    progress
        Takes the cells so far and the most that are wanted.

    Raises
    ------
    ConfigError, TraceError, RunFolderError, TrainingError
        If there is nothing of that name, or nothing to learn from in it.
    """
    from inference.training.data import TrainingSet

    path = Path(place)
    if is_collection(path):
        return _from_collection(path, cells, wanted, progress)
    if path.suffix == ".npz":
        return TrainingSet.load(path)
    cells = MOST_CELLS if cells is None else cells
    if split_url(place)[0] == _SPRITES:
        return _sprites(place, cells, wanted)
    if path.is_dir():
        return from_run(path, cells, wanted, progress)
    is_path = split_url(place)[0] == "file" and not place.startswith("file:")
    with open_source(guess_url(place) if is_path else place) as source:
        return _from_source(place, source, cells, wanted, progress)


def is_collection(path: Path) -> bool:
    """Tell whether a path is a collection of images, rather than a run or a saved training set."""
    if path.is_dir():
        return not (path / RUN_JSON).exists()
    if path.suffix.lower() == ".npz" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as held:
            return "x.npy" in held.namelist()
    return path.suffix.lower() == ".zip" and path.is_file()


def _from_collection(path: Path, cells: int | None, wanted: Wanted, progress: Progress) -> TrainingSet:
    from inference.training.collection import CollectionOptions, from_collection

    if wanted.kind.volumes:
        raise TrainingError(f"'{path}' is a collection of flat images; choose a kind of model that takes those alone.")
    options = CollectionOptions(
        channels=wanted.channels,
        side=wanted.side,
        shrink=wanted.shrink,
        pixel_um=wanted.pixel_um,
        concepts=wanted.concepts,
    )
    raw: RawCells = open_real_images(path)
    if wanted.patch is not None:
        raw = PatchedImages(raw, wanted.patch, wanted.patch_step or wanted.patch)
    return from_collection(raw, str(path), options, progress, most=cells)


def _sprites(place: str, cells: int, wanted: Wanted) -> TrainingSet:
    from inference.training.sprites import draw_sprites

    _, path, options = split_url(place)
    seed = options.pop("seed", "0")
    if path or options or not seed.isdecimal():
        raise ConfigError(
            f"Sprites are asked for by 'sprites:?seed=1', a whole number, and nothing else; not '{place}'."
        )
    if wanted.kind.volumes:
        raise TrainingError("Sprites are flat images; choose a kind of model that takes those alone.")
    return draw_sprites(place, cells, factors=wanted.factors, pool=wanted.kind.image_pool, seed=int(seed))


def collect_told(place: str, cells: int | None, wanted: Wanted) -> TrainingSet:
    """Collect as `collect` does, and tell on stderr how far it is and what was found."""
    with progress_bar(f"cells of {place}", "cells") as progress:
        found = collect(place, cells, wanted, progress)
    tell_found(place, found)
    return found


def tell_found(place: str, found: TrainingSet) -> None:
    """Tell on stderr how many cells a place has."""
    click.echo(f"{place}: {len(found)} cells, {int(found.is_labelled.sum())} with a label", err=True)


@dataclass
class _Collected:
    """Images so far, and the place of each event, without the raw windows."""

    transform: Transform
    channels: tuple[str, ...]
    volume_pool: int
    image_pool: int
    name: str
    source: Source
    ids: list[int] = field(default_factory=list)
    places: list[tuple[int, int, float, float]] = field(default_factory=list)

    def cells(self, most: int, progress: Progress) -> Iterator[TrainingSet]:
        """Walk the source until it ends or has given so many cells; give those of a batch of events at a time."""
        events = events_of(self.source)
        while len(self.ids) < most and (batch := list(islice(events, _BATCH))):
            yield self._cells_of(batch)
            progress(len(self.ids), most)

    def _cells_of(self, events: list[Event]) -> TrainingSet:
        from inference.training.data import TrainingSet

        images = self.transform.images(events, self.channels, cells_first=True)
        self.ids += images.event_id[images.is_cell].tolist()
        self.places += [(e.event_id, e.epoch, e.trigger_tick, e.duration_ticks) for e in events]
        return TrainingSet.from_images(
            images, None, self.name, instrument_kind=self.source.instrument.kind, origin=self.source.origin,
            channels=self.channels, volume_pool=self.volume_pool, image_pool=self.image_pool,
        )  # fmt: skip


def triggers_of(places: Sequence[tuple[int, int, float, float]]) -> Triggers:
    """Return the places of events on the sample clock: id, epoch, tick of the trigger and ticks that it took, each."""
    ids, epochs, ticks, durations = zip(*places, strict=True)
    return Triggers(
        event_id=np.array(ids, dtype=np.uint64),
        epoch=np.array(epochs, dtype=np.int32),
        tick=np.array(ticks, dtype=np.float64),
        duration_ticks=np.array(durations, dtype=np.float64),
        outcome=(STORED,) * len(ids),
    )


def _from_source(name: str, source: Source, cells: int, wanted: Wanted, progress: Progress) -> TrainingSet:
    from inference.training.data import TrainingSet

    channels = wanted.kind.channels(source.instrument, wanted.channels)
    found = _Collected(
        transform_for(source.instrument), channels, wanted.volume_pool, wanted.kind.image_pool, name, source
    )
    batches = found.cells(cells, progress)
    first = next(batches, None)
    if first is None:
        raise TrainingError(f"There are no events in '{name}' to learn from; take more of it, or another source.")
    cells_found = TrainingSet.concatenate(chain([first], batches))
    truth = source.truth()
    source.stop()
    if truth is None:
        return cells_found
    places = triggers_of(found.places)
    kinds = dict(zip(places.event_id.tolist(), match_labels(places, truth, source.instrument), strict=True))
    labelled = cells_found.labelled([kinds[event_id] for event_id in found.ids])
    if not wanted.factors:
        return labelled
    matched = match_truth(truth, places, tolerance_ticks(source.instrument))
    return replace(labelled, factors=true_factors(matched, found.ids, wanted.factors, name))


def events_of(source: Source, instrument: Instrument | None = None) -> Iterator[Event]:
    """Give the events of a source, which is started, until it ends, as for its own instrument or for another one."""
    detector = detector_for(instrument or source.instrument)
    for block in blocks(source):
        yield from detector.push(block)
    yield from detector.flush()


def match_labels(places: Triggers, truth: Truth, instrument: Instrument) -> list[str]:
    """Return the kind of the true cell behind each event; empty where there is none.

    Parameters
    ----------
    places
        Every event, in order.
    truth
        As the source gives it.
    instrument
        Says how many ticks a cell takes for a micrometre.
    """
    matched = match_truth(truth, places, tolerance_ticks(instrument))
    kinds = {
        int(event_id): bytes(kind).decode("ascii", "replace")
        for event_id, kind, outcome in zip(
            matched["event_id"], matched["true_kind"], matched["outcome"].tolist(), strict=True
        )
        if outcome == STORED.encode()
    }
    return [kinds.get(int(event_id), "") for event_id in places.event_id]


def tolerance_ticks(instrument: Instrument) -> float:
    """Return how far from the ends of a trigger a cell's centre may be, ticks."""
    return TOLERANCE_UM * 1e-6 / instrument.flow_speed_m_s * instrument.sample_rate_hz
