"""Images of one cell, as pictures in grey and as numbers."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response

from reconstruction.methods import Method
from service.api.auth import Needs
from service.api.cells import CELL_PATH, RESTORED, EventId, RestorationOf, cached_transform, check_channel
from service.api.context import ResultsOf
from service.api.freshness import FreshnessOf
from service.api.image_form import IMAGES, MEDIA, ImageForm, NamedForm, npy_bytes, tiff_bytes
from service.api.problems import PROBLEMS
from service.api.view import Contrast, ContrastOf, View, ViewOf
from service.errors import QueryError
from service.store.restoration import Restoration
from service.store.results import Results
from service.tokens import Scope

router = APIRouter(prefix=CELL_PATH, tags=["pictures"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)


@router.get("/image.png", response_class=Response, responses={200: {"content": {MEDIA[ImageForm.PNG]: {}}}})
def cell_image(
    event_id: EventId,
    results: ResultsOf,
    fresh: FreshnessOf,
    contrast: ContrastOf,
) -> Response:
    """Return the first flat image as it was measured, for who does not know what channels the run has."""
    headers = fresh.of_set(results.about)
    name = cached_transform(results.run.instrument).flat_channels[0]
    picture = _picture(results, event_id, name, Restoration(), View(), contrast)
    return Response(picture, media_type=MEDIA[ImageForm.PNG], headers=headers)


@router.get("/channels/{channel}", response_class=Response, responses=IMAGES)
def cell_channel(
    event_id: EventId,
    named: NamedForm,
    results: ResultsOf,
    fresh: FreshnessOf,
    asked: RestorationOf,
    view: ViewOf,
    contrast: ContrastOf,
) -> Response:
    """Return one image as a picture, or as numbers in float32: `(y, x)`, `(z, y)` or `(z, y, x)`.

    The form is the ending of the name, `format`, or what `Accept` asks for. Of a picture, contrast is set by the image
    itself unless the query says it; phase and its slopes, which can be below 0, have 0 in the middle of the grey scale.
    A volume shows its maximum along x by default, so that it lies over the transmission image, axes z and y. Numbers
    of a volume are all of it unless a slice or a projection is asked for; volumes are made on request. Images are as
    they were measured unless `restore` asks for more; the header `Lightline-Restored` says what was done.
    """
    name, form = named
    flat = _check(results, name, view, asked)
    if form is not ImageForm.PNG and contrast.asked:
        raise QueryError("Only pictures have a contrast; leave it out, or ask for format=png.")
    done = "" if asked.method is Method.NONE else f"-{asked.method}"
    offered = f'attachment; filename="{results.run.id}-{event_id}-{name}{done}.{form}"'
    headers = fresh.of_set(results.about, form) | {RESTORED: str(asked)}
    if form is ImageForm.PNG:
        content = _picture(results, event_id, name, asked, view, contrast)
    else:
        image = asked.image(results, event_id, name)
        image = image if flat or not view.asked else view.of(image)
        content = npy_bytes(image) if form is ImageForm.NPY else tiff_bytes(image)
        headers["Content-Disposition"] = offered
    return Response(content, media_type=MEDIA[form], headers=headers)


def _check(results: Results, name: str, view: View, asked: Restoration) -> bool:
    """Check that what is asked for can be; return whether the image is flat."""
    instrument = results.run.instrument
    flat = check_channel(instrument, name)
    asked.check(instrument, [name])
    view.check(name, flat=flat)
    return flat


def _picture(results: Results, event_id: int, name: str, asked: Restoration, view: View, contrast: Contrast) -> bytes:
    image = asked.image(results, event_id, name)
    unit = cached_transform(results.run.instrument).units[name]
    return contrast.png(image if image.ndim == 2 else view.of(image), unit)
