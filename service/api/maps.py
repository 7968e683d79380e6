"""Axes made of the embedding: what the columns `pc1`, `umap1` and so on are."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from service.api.auth import Needs
from service.api.context import ResultsOf
from service.api.documents import ComponentsDocument, MapList, UmapDocument
from service.api.freshness import FreshnessOf
from service.api.problems import PROBLEMS
from service.maps.linear_map import LinearMap
from service.maps.placed_map import PlacedMap
from service.tokens import Scope

router = APIRouter(
    prefix="/api/v1/runs/{run_id}/maps",
    tags=["statistics"],
    dependencies=[Depends(Needs(Scope.READ))],
    responses=PROBLEMS,
)


@router.get("")
def list_maps(results: ResultsOf, fresh: FreshnessOf) -> MapList:
    """List the maps of a run's embedding; their columns can be plotted, filtered by, gated on and exported."""
    maps = [_document(one) for one in results.maps.all()]
    fresh.version([one.digest for one in maps])
    return MapList(maps=maps)


def _document(one: LinearMap | PlacedMap) -> ComponentsDocument | UmapDocument:
    if isinstance(one, PlacedMap):
        return UmapDocument(**dict(one.about), digest=one.identified())
    return ComponentsDocument(**dict(one), digest=one.identified())
