"""What a run can be made of: sources and models, for pages and programs that let people choose."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from acquisition.offers import source_kinds
from acquisition.origin import Origin
from inference.contract import InputSpec
from service.api.auth import Needs
from service.api.context import ControlOf
from service.api.problems import PROBLEMS
from service.known_bundles import KnownBundle, KnownBundles
from service.recordings import Recordings
from service.tokens import Scope

_MOST_RUNS = 20

router = APIRouter(prefix="/api/v1", tags=["runs"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class SourceDocument(_Document):
    """A source that a run request may name as it stands."""

    url: str
    """The `source` of a run request."""
    kind: str
    """The scheme that opens it: `sim`, `file`, `atom`, ..."""
    description: str
    size_bytes: int | None = None
    """Of a recording."""


class SourceKindDocument(_Document):
    """A scheme of sources, also of those that only the command line may open."""

    scheme: str
    description: str


class SourceList(_Document):
    """What can be acquired from."""

    sources: list[SourceDocument]
    """Simulations and what else has a name, then recordings in the allowed folders, the newest first."""
    kinds: list[SourceKindDocument]


class BundleDocument(_Document):
    """A model that a run request may name."""

    bundle: str
    """The `bundle` of a run request."""
    name: str
    digest: str
    shipped: bool
    """Whether it comes with Lightline; the others were used by runs of this service."""
    model: str
    """Kind of model, for example dcae2d."""
    instrument_kind: str
    """The kind of instrument that it looks at images of."""
    inputs: list[InputSpec]
    clusters: list[str]
    classes: list[str]
    """Empty where it was trained without labels."""
    trained_on: Origin
    cells: int
    """Cells that it was trained on."""
    metrics: dict[str, dict[str, float]]
    """By metric, the model's value and its controls', as its contract says."""
    runs: list[str]
    """Ids of the last runs that used it, the newest first, at most 20."""


class BundleList(_Document):
    """Models: those that come with Lightline by name, then those of runs, the newest first."""

    bundles: list[BundleDocument]


async def _recordings(request: Request) -> Recordings:
    return cast(Recordings, request.app.state.recordings)


async def _known_bundles(request: Request) -> KnownBundles:
    return cast(KnownBundles, request.app.state.known_bundles)


@router.get("/sources")
def list_sources(recordings: Annotated[Recordings, Depends(_recordings)]) -> SourceList:
    """List what a run can be started on over HTTP, and the kinds of sources that there are."""
    kinds = source_kinds()
    named = [
        SourceDocument(url=offer.url, kind=kind.scheme, description=offer.description)
        for kind in kinds
        for offer in kind.offers
    ]
    found = [
        SourceDocument(
            url=one.url, kind=one.url.partition(":")[0], description=one.description, size_bytes=one.size_bytes
        )
        for one in recordings.find()
    ]
    described = [SourceKindDocument(scheme=kind.scheme, description=kind.description) for kind in kinds]
    return SourceList(sources=named + found, kinds=described)


@router.get("/bundles")
def list_bundles(control: ControlOf, known: Annotated[KnownBundles, Depends(_known_bundles)]) -> BundleList:
    """List the models that a run can use, with what they look at and what they tell apart."""
    return BundleList(bundles=[_bundle(one) for one in known.find(control.runs())])


def _bundle(known: KnownBundle) -> BundleDocument:
    contract = known.contract
    return BundleDocument(
        bundle=known.bundle,
        name=contract.name,
        digest=contract.digest,
        shipped=known.shipped,
        model=contract.model,
        instrument_kind=contract.instrument_kind,
        inputs=list(contract.inputs),
        clusters=list(contract.clusters),
        classes=list(contract.classes),
        trained_on=contract.training.origin,
        cells=contract.training.cells,
        metrics=contract.metrics,
        runs=list(known.runs[:_MOST_RUNS]),
    )
