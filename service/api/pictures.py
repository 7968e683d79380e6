"""Pictures of one cell: its images in grey, and the evidence for a class over them."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Depends, Query, Response

from inference.saliency import image_png, overlay_png
from reconstruction.images import ImageUnit
from service.api.auth import Needs
from service.api.cells import (
    CELL_PATH,
    RESTORED,
    EventId,
    RestorationOf,
    cached_transform,
    check_channel,
)
from service.api.context import ControlOf, ResultsOf
from service.api.documents import SaliencyDocument
from service.api.explanation import Question, saliency_of
from service.api.permanent import NPY, PNG, PermanentOf, npy_bytes
from service.api.problems import PROBLEMS
from service.errors import QueryError
from service.tokens import Scope

router = APIRouter(prefix=CELL_PATH, tags=["pictures"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)

Axis = Literal["z", "y", "x"]
SHOWN_PERCENT = 99.5
"""Of the pixels of a signed image, that lie within its grey scale."""


def question(
    target: Annotated[
        int | None, Query(ge=-1, le=9999, description="Class to explain (without either, the most likely one, -1)")
    ] = None,
    cluster: Annotated[
        int | None, Query(ge=-1, le=9999, description="Cluster to explain instead, by the mixture itself")
    ] = None,
) -> Question:
    """Return what the query asks to be explained."""
    return Question.asked(target, cluster)


QuestionOf = Annotated[Question, Depends(question)]


MapChannel = Annotated[str | None, Query(max_length=64, description="Images that the map lies over; the first")]


def flatten(volume: npt.NDArray[np.float32], z: int | None, projection: Axis) -> npt.NDArray[np.float32]:
    """Return one slice of a volume `(z, y, x)`, or its maximum along an axis.

    Raises
    ------
    QueryError
        If there is no such slice.
    """
    if z is None:
        return np.asarray(volume.max(axis="zyx".index(projection)), dtype=np.float32)
    if z >= volume.shape[0]:
        raise QueryError(f"The volume has the slices 0 to {volume.shape[0] - 1}; there is no slice {z}.")
    return np.asarray(volume[z], dtype=np.float32)


def limits(image: npt.NDArray[np.float32], unit: ImageUnit) -> tuple[float | None, float | None]:
    """Return the values shown black and white by default; None lets the image decide.

    Where values below 0 mean something, 0 is the middle grey.
    """
    if not unit.signed:
        return None, None
    reach = max(float(np.percentile(np.abs(image), SHOWN_PERCENT)), unit.least_shown)
    return -reach, reach


@router.get("/image.png", response_class=Response)
def cell_image(
    event_id: EventId,
    results: ResultsOf,
    permanent: PermanentOf,
    asked: RestorationOf,
    channel: Annotated[str | None, Query(max_length=64, description="Without it, the first flat image")] = None,
    z: Annotated[int | None, Query(ge=0, le=1024, description="Slice of a volume")] = None,
    projection: Annotated[Axis, Query(description="Axis that a volume's maximum is taken along")] = "x",
    lo: Annotated[float | None, Query(allow_inf_nan=False, description="Value shown black")] = None,
    hi: Annotated[float | None, Query(allow_inf_nan=False, description="Value shown white")] = None,
) -> Response:
    """Return one image in grey, contrast set by the image itself unless `lo` and `hi` are given.

    Phase and its slopes, which can be below 0, have 0 in the middle of the grey scale.

    A volume shows its maximum along x by default, so that it lies over the transmission image, axes z and y. It is as
    it was measured unless `restore` asks for more; the header `Lightline-Restored` says what was done.
    """
    instrument = results.run.instrument
    if lo is not None and hi is not None and lo >= hi:
        raise QueryError("'lo' must be below 'hi'.")
    name = channel or cached_transform(instrument).flat_channels[0]
    flat = check_channel(instrument, name)
    asked.check(instrument, [name])
    if flat and z is not None:
        raise QueryError(f"'{name}' is a flat image and has no slices; leave 'z' out.")

    def make() -> bytes:
        image = asked.image(results, event_id, name)
        asked_for = (lo, hi) != (None, None)
        low, high = (lo, hi) if asked_for else limits(image, cached_transform(instrument).units[name])
        return image_png(image if flat else flatten(image, z, projection), lo=low, hi=high)

    return permanent.answer(make, PNG, about={RESTORED: str(asked)})


@router.get("/saliency")
def show_saliency(
    event_id: EventId,
    results: ResultsOf,
    control: ControlOf,
    asked: QuestionOf,
    channel: MapChannel = None,
) -> SaliencyDocument:
    """Return what the evidence is for, and whether there is any."""
    engine = control.engine_for(results.run.id, results.about.name)
    found = saliency_of(results, engine, event_id, asked, channel)
    return SaliencyDocument(
        event_id=event_id,
        channel=found.spec.channel,
        channels=[spec.channel for spec in engine.contract.saliency],
        of="cluster" if asked.cluster else "target",
        target=found.target,
        name=found.name,
        empty=found.empty,
        method=found.spec.method,
        layer=found.spec.layer,
    )


@router.get("/saliency.png", response_class=Response)
def saliency_png(
    event_id: EventId,
    results: ResultsOf,
    control: ControlOf,
    permanent: PermanentOf,
    asked: QuestionOf,
    channel: MapChannel = None,
    z: Annotated[int | None, Query(ge=0, le=1024, description="Slice of a volume")] = None,
    projection: Annotated[Axis, Query(description="Axis that a volume's maximum is taken along")] = "x",
    opacity: Annotated[float, Query(ge=0, le=1)] = 0.6,
) -> Response:
    """Return the evidence for a class or cluster as a heat map over the image; the plain image where there is none.

    Of a volume, image and map are shown alike: one slice, or the maximum along an axis.
    """

    def make() -> bytes:
        found = saliency_of(results, control.engine_for(results.run.id, results.about.name), event_id, asked, channel)
        if found.image.ndim == 2:
            if z is not None:
                raise QueryError(f"'{found.spec.channel}' is a flat image and has no slices; leave 'z' out.")
            return overlay_png(found.image, found.map, opacity=opacity)
        deep = None if z is None else z * found.map.shape[0] // found.image.shape[0]
        return overlay_png(flatten(found.image, z, projection), flatten(found.map, deep, projection), opacity=opacity)

    return permanent.answer(make, PNG)


@router.get("/saliency.npy", response_class=Response)
def saliency_npy(
    run_id: str,
    event_id: EventId,
    results: ResultsOf,
    control: ControlOf,
    permanent: PermanentOf,
    asked: QuestionOf,
    channel: MapChannel = None,
) -> Response:
    """Return the raw low-resolution map as a NumPy file, `(h, w)` float32, with one axis more over a volume."""
    return permanent.answer(
        lambda: npy_bytes(
            saliency_of(results, control.engine_for(results.run.id, results.about.name), event_id, asked, channel).map
        ),
        NPY,
        f"{run_id}-{event_id}-saliency.npy",
    )
