"""The evidence for a class or cluster in the images of one cell: as a heat map over them, and as numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from inference.evaluation.ways import Way
from inference.saliency import HeatScale, overlay_png
from service.api.auth import Needs
from service.api.cell_documents import SaliencyDocument
from service.api.cells import CELL_PATH, EventId
from service.api.context import ControlOf, ResultsOf
from service.api.explanation import Question, saliency_of
from service.api.freshness import FreshnessOf
from service.api.image_form import MEDIA, ImageForm, npy_bytes
from service.api.problems import PROBLEMS
from service.api.view import ViewOf
from service.tokens import Scope

router = APIRouter(prefix=CELL_PATH, tags=["pictures"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)


def question(
    target: Annotated[
        int | None, Query(ge=-1, le=9999, description="Class to explain (without either, the most likely one, -1)")
    ] = None,
    cluster: Annotated[
        int | None, Query(ge=-1, le=9999, description="Cluster to explain instead, by the mixture itself")
    ] = None,
    by: Annotated[
        Way, Query(description="The model's own maps, or what its answer loses where a place is emptied, or covered")
    ] = Way.GRADIENT,
) -> Question:
    """Return what the query asks to be explained."""
    return Question.asked(target, cluster, by)


QuestionOf = Annotated[Question, Depends(question)]


MapChannel = Annotated[str | None, Query(max_length=64, description="Images that the map lies over; the first")]


@router.get("/saliency")
def show_saliency(
    event_id: EventId,
    results: ResultsOf,
    control: ControlOf,
    fresh: FreshnessOf,
    asked: QuestionOf,
    channel: MapChannel = None,
) -> SaliencyDocument:
    """Return what the evidence is for, and whether there is any."""
    fresh.of_set(results.about)
    engine = control.engine_for(results.run.id, results.about.name)
    found = saliency_of(results, engine, event_id, asked, channel)
    return SaliencyDocument(
        event_id=event_id,
        channel=found.channel,
        channels=[spec.channel for spec in engine.contract.saliency],
        of="cluster" if asked.cluster else "target",
        target=found.target,
        name=found.name,
        empty=found.empty,
        method=found.method,
        layer=found.layer,
    )


@router.get("/saliency.png", response_class=Response, responses={200: {"content": {MEDIA[ImageForm.PNG]: {}}}})
def saliency_png(
    event_id: EventId,
    results: ResultsOf,
    control: ControlOf,
    fresh: FreshnessOf,
    asked: QuestionOf,
    view: ViewOf,
    channel: MapChannel = None,
    opacity: Annotated[float, Query(ge=0, le=1)] = 0.6,
    colours: HeatScale = HeatScale.ORDERED,
) -> Response:
    """Return the evidence for a class or cluster as a heat map over the image; the plain image where there is none.

    Of a volume, image and map are shown alike: one slice, or the maximum along an axis.
    """
    headers = fresh.of_set(results.about)
    found = saliency_of(results, control.engine_for(results.run.id, results.about.name), event_id, asked, channel)
    view.check(found.channel, flat=found.image.ndim == 2)
    image, heat = found.image, found.map
    if image.ndim == 3:
        deep = view if view.z is None else replace(view, z=view.z * heat.shape[0] // image.shape[0])
        image, heat = view.of(image), deep.of(heat)
    return Response(
        overlay_png(image, heat, opacity=opacity, scale=colours), media_type=MEDIA[ImageForm.PNG], headers=headers
    )


@router.get("/saliency.npy", response_class=Response, responses={200: {"content": {MEDIA[ImageForm.NPY]: {}}}})
def saliency_npy(
    run_id: str,
    event_id: EventId,
    results: ResultsOf,
    control: ControlOf,
    fresh: FreshnessOf,
    asked: QuestionOf,
    channel: MapChannel = None,
) -> Response:
    """Return the map itself as a NumPy file, `(h, w)` float32, with one axis more over a volume.

    By gradients it is raw and of a low resolution; by occlusion it is a number for each patch, in log probability lost;
    by covering it is of the image's size, in probability lost.
    """
    headers = fresh.of_set(results.about)
    headers["Content-Disposition"] = f'attachment; filename="{run_id}-{event_id}-saliency.npy"'
    found = saliency_of(results, control.engine_for(results.run.id, results.about.name), event_id, asked, channel)
    return Response(npy_bytes(found.map), media_type=MEDIA[ImageForm.NPY], headers=headers)
