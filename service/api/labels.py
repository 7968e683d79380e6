"""Labels that people give to cells, the cells most useful to label next, and the cells most like one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from service.api.auth import Needs
from service.api.cells import CELL_PATH, EventId
from service.api.context import FolderOf, ResultsOf
from service.api.documents import LabelBody, LabelCounts, NeighbourDocument, Neighbours, SuggestionDocument, Suggestions
from service.api.freshness import FreshnessOf
from service.api.problems import PROBLEMS
from service.api.runs import Where
from service.errors import QueryError, UnknownCell
from service.store.labels import MOST_AT_ONCE
from service.store.questions.similar import MOST_NEIGHBOURS, MOST_SUGGESTED
from service.store.results import Results
from service.tokens import Scope

_RUN = "/api/v1/runs/{run_id}"
reading = APIRouter(tags=["labels"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)
writing = APIRouter(tags=["labels"], dependencies=[Depends(Needs(Scope.ANNOTATE))], responses=PROBLEMS)


@reading.get(f"{_RUN}/labels")
def count_labels(folder: FolderOf, fresh: FreshnessOf) -> LabelCounts:
    """Return how many cells have each label; which they are, `cells?where=label = 'NAME'` tells."""
    fresh.version(folder.labels.changes)
    return LabelCounts(counts=folder.labels.counts())


@writing.post(f"{_RUN}/labels")
def give_label(body: LabelBody, folder: FolderOf, results: ResultsOf, request: Request) -> LabelCounts:
    """Give cells a label, or take it away: the events that are named, or all that a filter lets through."""
    folder.labels.give(_events(body, results), body.label, request.state.who)
    return LabelCounts(counts=folder.labels.counts())


@reading.get(f"{_RUN}/suggestions")
def suggest_cells(
    results: ResultsOf,
    fresh: FreshnessOf,
    count: Annotated[int, Query(ge=1, le=MOST_SUGGESTED)] = 20,
    where: Where = None,
) -> Suggestions:
    """Return cells whose labels would teach most: first typical ones of every cluster, then those in doubt."""
    fresh.version(results.state)
    found = results.similar.suggestions(count, where)
    return Suggestions(cells=[SuggestionDocument(**vars(one)) for one in found])


@reading.get(f"{CELL_PATH}/neighbours")
def show_neighbours(
    event_id: EventId,
    results: ResultsOf,
    fresh: FreshnessOf,
    count: Annotated[int, Query(ge=1, le=MOST_NEIGHBOURS)] = 20,
    where: Where = None,
) -> Neighbours:
    """Return the cells that the model finds most like this one, the nearest first."""
    fresh.version(results.state)
    found = results.similar.neighbours(event_id, count, where)
    return Neighbours(cells=[NeighbourDocument(**vars(one)) for one in found])


def _events(body: LabelBody, results: Results) -> list[int]:
    if (body.events is None) == (body.where is None):
        raise QueryError("Say which cells: either 'events' or 'where'.")
    if body.events is not None:
        unknown = set(body.events) - results.cells.known(body.events)
        if unknown:
            raise UnknownCell(f"The run has no cell {min(unknown)}; nothing was labelled.")
        return body.events
    page = results.cells.page(body.where, limit=MOST_AT_ONCE, fields=["event_id"])
    if page.total > MOST_AT_ONCE:
        raise QueryError(f"The filter lets {page.total} cells through; at most {MOST_AT_ONCE} are labelled at once.")
    return [int(row["event_id"]) for row in page.rows]
