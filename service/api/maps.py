"""Axes made of the embedding: what the columns `pc1`, `pc2` and so on are."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from service.api.auth import Needs
from service.api.context import ResultsOf
from service.api.documents import MapDocument, MapList
from service.api.freshness import FreshnessOf
from service.api.problems import PROBLEMS
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
    maps = [MapDocument(**dict(one), digest=one.identified()) for one in results.maps.all()]
    fresh.version([one.digest for one in maps])
    return MapList(maps=maps)
