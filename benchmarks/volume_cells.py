"""Cells of paper C's four kinds from the simulated ATOM, with what flowed by before and after each, and its truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from acquisition.instrument import ImageGrid, Instrument
from acquisition.source import Source, open_source
from inference.training.data import TrainingSet
from inference.training.stacks import Floats, kept_images
from reconstruction.images import Rejection
from reconstruction.transform import Transform, transform_for
from service.cli.collect import events_of, match_labels, tolerance_ticks, triggers_of
from service.cli.true_factors import true_factors
from service.runs.truth import match_truth

RUN = "sim:atom-real?sample=thp1:0.25,mcf7:0.25,mda-mb-231:0.25,pbmc:0.25&loop=none&seconds={seconds}&seed={seed}"
OWN = {"thp1": "THP-1", "mcf7": "MCF-7", "mda-mb-231": "MDA-MB-231"}
REST = "PBMC"
TAKEN = (Rejection.NONE, Rejection.OVERLAP)
LINE, BEFORE, AFTER = "line", "before", "after"
APART_UM = 24.0
"""From the middle of a cell to the middles of the images before and after it. Their near halves, 14 to 24 um from it,
still hold rings of light that large cells bend; the far ones, to 34 um, do not."""
COARSER = 2
"""Edge of the squares of pixels whose means are kept of what was before and after."""
TOLD = ("diameter_um", "nucleus_ratio", "granules_per_um3", "side_scatter_um2")
"""Of the truth, what belongs to a cell and not to its place."""
NEAREST = "nearest_um"
"""How far the next body in the flow is, along it."""
_LONGER = 4
"""How many times as long as an image a window is, so that it holds what was before and after."""
_BATCH = 32


def run_of(seed: int, seconds: float) -> TrainingSet:
    """Return the cells of one simulated acquisition: images, class and truth of each.

    `line` is a cell's image; `before` and `after` are images of the flow 24 um ahead of it and behind it, in which it
    is not, of the same window and made in the same way, coarser.
    """
    place = RUN.format(seed=seed, seconds=seconds)
    parts: list[dict[str, Floats]] = []
    ids: list[int] = []
    events: list[tuple[int, int, float, float]] = []
    with open_source(place) as source:
        instrument, transform = source.instrument, transform_for(source.instrument)
        found = _events_of(source)
        while some := list(islice(found, _BATCH)):
            events += [(e.event_id, e.epoch, e.trigger_tick, e.duration_ticks) for e in some]
            seen = transform.images(some)
            taken = [k for k, reason in enumerate(seen.rejection) if reason in TAKEN]
            ids += seen.event_id[taken].tolist()
            if taken:
                beside = _beside([some[k] for k in taken], transform, instrument)
                parts.append({LINE: kept_images(seen.images[LINE][taken], 1), **beside})
        truth = source.truth()
        if truth is None:
            raise TypeError("The simulator knows the truth.")
        source.stop()
    places = triggers_of(events)
    kinds = dict(zip(places.event_id.tolist(), match_labels(places, truth, instrument), strict=True))
    ticks = np.asarray(truth["tick"], dtype=np.float64)
    um_per_tick = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
    matched = match_truth(truth, places, tolerance_ticks(instrument))
    matched[NEAREST] = _gaps(ticks) * um_per_tick
    cells = TrainingSet(
        images={name: np.concatenate([part[name] for part in parts]) for name in (LINE, BEFORE, AFTER)},
        pool={LINE: 1, BEFORE: COARSER, AFTER: COARSER},
        label=np.full(len(ids), -1, dtype=np.int32),
        label_names=(),
        run=np.zeros(len(ids), dtype=np.int32),
        run_names=(place,),
        pixel_um=instrument.grid.pixel_um,
        instrument_kind=instrument.kind,
        origin=source.origin,
        factors=true_factors(matched, ids, (*TOLD, NEAREST), place),
    ).labelled([kinds[event_id] and OWN.get(kinds[event_id], REST) for event_id in ids])
    return cells.where(cells.is_labelled)


def seen_as(cells: TrainingSet, *channels: str) -> TrainingSet:
    """Return the cells with these images alone."""
    return replace(
        cells,
        images={name: cells.images[name] for name in channels},
        pool={name: cells.pool[name] for name in channels},
    )


def beside(cells: TrainingSet, *, far: bool) -> TrainingSet:
    """Return the cells with the far halves of what was before and after them alone, or the near ones."""
    before, after = (np.asarray(cells.images[name][:]) for name in (BEFORE, AFTER))
    half = before.shape[1] // 2
    ends = (before[:, half:], after[:, :half]) if far else (before[:, :half], after[:, half:])
    names = BEFORE, AFTER
    return replace(cells, images=dict(zip(names, ends, strict=True)), pool=dict.fromkeys(names, COARSER))


def _events_of(source: Source) -> Iterator[Event]:
    """Give the events of a source with windows long enough for what was before and after."""
    grid = source.instrument.grid
    longer = ImageGrid(size_px=_LONGER * grid.size_px, pixel_um=grid.pixel_um)
    return events_of(source, source.instrument.model_copy(update={"grid": longer}))


def _beside(events: list[Event], transform: Transform, instrument: Instrument) -> dict[str, Floats]:
    """Return images of the flow before and after cells."""
    ticks = APART_UM * 1e-6 / instrument.flow_speed_m_s * instrument.sample_rate_hz
    looks = {
        name: [replace(event, trigger_tick=event.trigger_tick + way * ticks) for event in events]
        for name, way in ((BEFORE, -1.0), (AFTER, 1.0))
    }
    return {name: kept_images(transform.images(moved).images[LINE], COARSER) for name, moved in looks.items()}


def _gaps(ticks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how far the nearest other of `(n,)` places is from each."""
    order = np.argsort(ticks)
    steps = np.diff(ticks[order], prepend=-np.inf, append=np.inf)
    gaps = np.empty(len(ticks))
    gaps[order] = np.minimum(steps[:-1], steps[1:])
    return gaps
