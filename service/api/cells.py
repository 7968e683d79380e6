"""One cell: its row, the model's full answer, and its raw window."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from acquisition.instrument import Instrument, Role
from reconstruction.light_sheet.deconvolution import MOST_ITERATIONS
from reconstruction.methods import Method, methods_of
from reconstruction.transform import Transform, transform_for
from service.api.auth import Needs
from service.api.cell_documents import Answers, CellDocument, ChannelLinks, SaliencyLinks
from service.api.context import ControlOf, FolderOf, ResultsOf
from service.api.explanation import answers_of
from service.api.freshness import FreshnessOf
from service.api.image_form import MEDIA, ImageForm, npy_bytes
from service.api.problems import PROBLEMS
from service.api.table_page import plain_row
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


async def restoration(
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
            png=f"{base}/channels/{name}.png",
            npy=f"{base}/channels/{name}.npy",
        )
        for name in transform.channels
    ]


@router.get("")
def show_cell(run_id: str, event_id: EventId, folder: FolderOf, results: ResultsOf, fresh: FreshnessOf) -> CellDocument:
    """Return everything that was measured and answered of one cell, and where its pictures are."""
    fresh.version(results.about.started_at, folder.labels.changes)
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
def show_answers(run_id: str, event_id: EventId, results: ResultsOf, control: ControlOf, fresh: FreshnessOf) -> Answers:
    """Return the model's full answer: every cluster and class."""
    fresh.version(results.state)
    return answers_of(results.cell(event_id), control.engine_for(run_id, results.about.name).contract)


@router.get("/window.npy", response_class=Response, responses={200: {"content": {MEDIA[ImageForm.NPY]: {}}}})
def window_npy(run_id: str, event_id: EventId, folder: FolderOf, fresh: FreshnessOf) -> Response:
    """Return the raw samples of the event as a NumPy file: `(n_samples, n_channels)` int8 or int16, counts.

    The header `Lightline-Trigger` says at which of them, with a fraction, the trigger was.
    """
    headers = fresh.permanent()
    event = folder.event(event_id)
    headers[TRIGGER] = f"{event.trigger_tick - event.window_tick:g}"
    headers["Content-Disposition"] = f'attachment; filename="{run_id}-{event_id}-window.npy"'
    return Response(npy_bytes(event.window), media_type=MEDIA[ImageForm.NPY], headers=headers)
