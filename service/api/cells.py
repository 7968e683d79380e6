"""One cell: its row, the model's full answer, and its images and raw window as numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from acquisition.instrument import Instrument, Role
from reconstruction.light_sheet.deconvolution import MOST_ITERATIONS
from reconstruction.methods import Method, methods_of
from reconstruction.transform import Transform, transform_for
from service.api.auth import Needs
from service.api.context import ControlOf, FolderOf, ResultsOf
from service.api.documents import Answers, CellDocument, ChannelLinks, SaliencyLinks
from service.api.explanation import answers_of
from service.api.permanent import NPY, PermanentOf, npy_bytes
from service.api.problems import PROBLEMS
from service.api.runs import plain_row
from service.errors import UnknownCell
from service.store.restoration import Restoration
from service.tokens import Scope

CELL_PATH = "/api/v1/runs/{run_id}/cells/{event_id}"

router = APIRouter(prefix=CELL_PATH, tags=["cells"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)

EventId = Annotated[int, Path(ge=1, le=2**62, description="Id of the event, from the run's one counter")]
RESTORED = "Lightline-Restored"
"""Header that says what was done to an image."""
TRIGGER = "Lightline-Trigger"
"""Header that says where in the raw samples the trigger is."""


def restoration(
    restore: Annotated[
        Method, Query(description="Take noise or blur out of a volume, or make the image of lines offline")
    ] = Method.NONE,
    iterations: Annotated[
        int | None, Query(ge=1, le=MOST_ITERATIONS, description="Of richardson_lucy; more are sharper and noisier")
    ] = None,
) -> Restoration:
    """Return what the query asks to be done to images."""
    return Restoration.asked(restore, iterations)


RestorationOf = Annotated[Restoration, Depends(restoration)]


@lru_cache(maxsize=16)
def cached_transform(instrument: Instrument) -> Transform:
    """Return the transform of an instrument, which says what images there are."""
    return transform_for(instrument)


def check_channel(instrument: Instrument, channel: str) -> bool:
    """Check that the instrument gives images of this name; return whether they are flat.

    Raises
    ------
    UnknownCell
        If it does not.
    """
    transform = cached_transform(instrument)
    if channel not in transform.channels:
        raise UnknownCell(f"The run has no images of '{channel[:64]}'; use one of {', '.join(transform.channels)}.")
    return channel in transform.flat_channels


def _channel_links(instrument: Instrument, base: str) -> list[ChannelLinks]:
    transform = cached_transform(instrument)
    roles: dict[str, Role] = {channel.name: channel.role for channel in instrument.channels}
    return [
        ChannelLinks(
            name=name,
            role=roles.get(name),
            kind="image" if name in transform.flat_channels else "volume",
            pixel_um=instrument.grid.pixel_um,
            unit=transform.units[name].name,
            restore=list(methods_of(instrument, name)),
            png=f"{base}/image.png?channel={name}",
            npy=f"{base}/channels/{name}.npy",
        )
        for name in transform.channels
    ]


@router.get("")
def show_cell(run_id: str, event_id: EventId, folder: FolderOf, results: ResultsOf) -> CellDocument:
    """Return everything that was measured and answered of one cell, and where its pictures are."""
    row = results.cell(event_id)
    base = CELL_PATH.format(run_id=run_id, event_id=event_id)
    return CellDocument(
        run=run_id,
        event_id=event_id,
        row=plain_row(row),
        channels=_channel_links(folder.run().instrument, base),
        saliency=SaliencyLinks(about=f"{base}/saliency", png=f"{base}/saliency.png", npy=f"{base}/saliency.npy"),
        answers=f"{base}/answers",
        window=f"{base}/window.npy",
    )


@router.get("/answers")
def show_answers(run_id: str, event_id: EventId, results: ResultsOf, control: ControlOf) -> Answers:
    """Return the model's full answer: every cluster and class."""
    return answers_of(results.cell(event_id), control.engine_for(run_id, results.about.name).contract)


@router.get("/channels/{channel}.npy", response_class=Response)
def channel_npy(
    event_id: EventId, channel: str, results: ResultsOf, permanent: PermanentOf, asked: RestorationOf
) -> Response:
    """Return one image as a NumPy file, float32: `(y, x)`, `(z, y)` or `(z, y, x)`; volumes are made on request.

    Images are as they were measured unless `restore` asks for more; the header `Lightline-Restored` says what was done.
    """
    run = results.run
    check_channel(run.instrument, channel)
    asked.check(run.instrument, [channel])
    done = "" if asked.method is Method.NONE else f"-{asked.method}"
    return permanent.answer(
        lambda: npy_bytes(asked.image(results, event_id, channel)),
        NPY,
        f"{run.id}-{event_id}-{channel}{done}.npy",
        {RESTORED: str(asked)},
    )


@router.get("/window.npy", response_class=Response)
def window_npy(run_id: str, event_id: EventId, folder: FolderOf, permanent: PermanentOf) -> Response:
    """Return the raw samples of the event as a NumPy file: `(n_samples, n_channels)` int8 or int16, counts.

    The header `Lightline-Trigger` says at which of them, with a fraction, the trigger was.
    """
    event = folder.event(event_id)
    trigger = {TRIGGER: f"{event.trigger_tick - event.window_tick:g}"}
    return permanent.answer(lambda: npy_bytes(event.window), NPY, f"{run_id}-{event_id}-window.npy", trigger)
