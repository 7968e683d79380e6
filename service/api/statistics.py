"""What many cells look like together: histograms, densities, counts over time."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from service.api.auth import Needs
from service.api.context import ResultsOf
from service.api.documents import DensityDocument, HistogramDocument, Timeline, TimelineStep
from service.api.freshness import FreshnessOf
from service.api.image_form import MEDIA, ImageForm, npy_bytes
from service.api.problems import PROBLEMS
from service.api.runs import Where
from service.gates.scales import Asinh, Linear, Log, Scale
from service.store.questions.binning import MOST_BINS, Binning
from service.store.questions.statistics import Density
from service.tokens import Scope

router = APIRouter(
    prefix="/api/v1/runs/{run_id}",
    tags=["statistics"],
    dependencies=[Depends(Needs(Scope.READ))],
    responses=PROBLEMS,
)

Column = Annotated[str, Query(max_length=128, description="A column of numbers")]
Bins = Annotated[int, Query(ge=1, le=MOST_BINS)]
ScaleName = Annotated[Literal["linear", "log", "asinh"], Query(description="What the bins are equally wide on")]
End = Annotated[
    float | None, Query(allow_inf_nan=False, description="In the column's unit; without it, the cells' own")
]


@router.get("/histogram")
def show_histogram(
    results: ResultsOf,
    fresh: FreshnessOf,
    column: Column,
    bins: Bins = 100,
    scale: ScaleName = "linear",
    low: End = None,
    high: End = None,
    where: Where = None,
) -> HistogramDocument:
    """Return the cells by bin of one column; edges are on the scale (of log, decades)."""
    fresh.version(results.state)
    found = results.statistics.histogram(Binning(column, bins, _scale(scale), low, high), where)
    return HistogramDocument(**vars(found))


def density(
    results: ResultsOf,
    fresh: FreshnessOf,
    x: Column,
    y: Column,
    bins: Bins = 128,
    x_scale: ScaleName = "linear",
    y_scale: ScaleName = "linear",
    x_low: End = None,
    x_high: End = None,
    y_low: End = None,
    y_high: End = None,
    where: Where = None,
) -> Density:
    """Return the cells by bin of two columns, as the query asks for them."""
    fresh.version(results.state)
    over_x = Binning(x, bins, _scale(x_scale), x_low, x_high)
    over_y = Binning(y, bins, _scale(y_scale), y_low, y_high)
    return results.statistics.density(over_x, over_y, where)


DensityOf = Annotated[Density, Depends(density)]


@router.get("/density")
def show_density(found: DensityOf) -> DensityDocument:
    """Return the cells by bin of two columns, rows along y; edges are on the scales."""
    return DensityDocument(
        x_edges=found.x_edges, y_edges=found.y_edges, counts=found.counts.tolist(), outside=found.outside
    )


@router.get("/density.npy", response_class=Response)
def density_npy(found: DensityOf, response: Response) -> Response:
    """Return the counts alone as a NumPy file, `(n_y, n_x)` int64."""
    return Response(npy_bytes(found.counts), media_type=MEDIA[ImageForm.NPY], headers=dict(response.headers))


@router.get("/timeline")
def show_timeline(
    results: ResultsOf,
    fresh: FreshnessOf,
    by: Annotated[str, Query(max_length=128, description="A column of few values: class, cluster, flags")] = "class",
    seconds: Annotated[float, Query(gt=0, le=1e7, description="Length of a stretch, on the sample clock")] = 1.0,
    where: Where = None,
) -> Timeline:
    """Return how many cells of each kind came in every stretch of the run's time."""
    fresh.version(results.state)
    steps = results.statistics.over_time(by, seconds, where)
    return Timeline(by=by, seconds=seconds, steps=[TimelineStep(**vars(step)) for step in steps])


def _scale(name: str) -> Scale:
    if name == "log":
        return Log(kind="log")
    return Asinh(kind="asinh") if name == "asinh" else Linear()
