"""Cells by how alike the model finds them: the nearest of one cell, and those whose labels would teach most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import QueryError, UnknownCell
from service.gates.scales import number
from service.store.labels import LABEL
from service.store.questions.cell_query import CellQuery

MOST_NEIGHBOURS = 200
MOST_SUGGESTED = 200
_CANDIDATES = 20_000
_OF_A_CLUSTER = 1_000
_NEAREST = 20
_LABELS_A_CLUSTER = 5
_DOUBTFUL = 10
"""Times as many doubtful cells are looked at as are wanted, so that those that are taken can differ."""


@dataclass(frozen=True)
class Neighbour:
    """A cell, and how far it is from the one asked about, in the model's embedding."""

    event_id: int
    distance: float


class Why(StrEnum):
    """Why a label of this cell would teach something."""

    TYPICAL = "typical"
    """Many cells of its cluster are like it, and none of them has a label yet."""
    DOUBTFUL = "doubtful"
    """The model nearly called it something else."""


@dataclass(frozen=True)
class Suggestion:
    """A cell whose label would teach something."""

    event_id: int
    why: Why
    cluster: int


class Similar:
    """Answers from the embedding that the run's model gave."""

    def __init__(self, query: CellQuery) -> None:
        self._query = query

    def neighbours(self, event_id: int, count: int, where: str | None = None) -> list[Neighbour]:
        """Return the cells nearest to one, the nearest first, of those that a filter lets through.

        Raises
        ------
        UnknownCell
            If there is no such cell.
        QueryError
            If the filter does not make sense, or too many are asked for.
        """
        if not 1 <= count <= MOST_NEIGHBOURS:
            raise QueryError(f"Ask for 1 to {MOST_NEIGHBOURS} neighbours, not {count}.")
        condition = self._query.condition(where)
        axes, row = self._axes(), self._query.row(event_id)
        if row is None:
            raise UnknownCell(f"The run has no cell {event_id}; it may be in flight, rejected or dropped.")
        squares = " + ".join(f'power("{axis}"::DOUBLE - {number(row[axis])}, 2)' for axis in axes)
        found = self._query.rows(
            f"SELECT event_id, sqrt({squares}) AS distance FROM cells "
            f"WHERE {{condition}} AND event_id <> {int(event_id)} ORDER BY distance, event_id LIMIT {int(count)}",
            condition,
        )
        return [Neighbour(int(one["event_id"]), float(one["distance"])) for one in found]

    def suggestions(self, count: int, where: str | None = None) -> list[Suggestion]:
        """Return cells without a label whose labels would teach most, the most useful first.

        While clusters have few labels, typical cells of each are asked for (the densest part of the cluster, after
        TypiClust, Hacohen et al. 2022); then those that the model doubts, by the margin between its two likeliest
        classes. Both times cells are taken that differ from each other and from those that have labels. Novel cells
        are left out: they may be nothing that a class should be made of.

        Raises
        ------
        QueryError
            If the filter does not make sense, or too many are asked for.
        """
        if not 1 <= count <= MOST_SUGGESTED:
            raise QueryError(f"Ask for 1 to {MOST_SUGGESTED} cells, not {count}.")
        condition = self._query.condition(where)
        if not self._query.columns():
            return []
        axes = ", ".join(f'"{axis}"' for axis in self._axes())
        # A hash of the id is as good as chance, and the same at every look.
        cells = self._query.rows(
            f"SELECT event_id, cluster, {LABEL}, class_probabilities, [{axes}] AS embedding FROM cells "
            f"WHERE {{condition}} AND (NOT novel OR {LABEL} IS NOT NULL) ORDER BY {LABEL} IS NULL, hash(event_id) "
            f"LIMIT {_CANDIDATES}",
            condition,
        )
        if not cells:
            return []
        embedding = np.array([cell["embedding"] for cell in cells], np.float64)
        embedding = (embedding - embedding.mean(axis=0)) / np.maximum(embedding.std(axis=0), 1e-12)
        labelled = np.array([cell["label"] is not None for cell in cells])
        cluster = np.array([cell["cluster"] for cell in cells])
        margin = _margins([cell["class_probabilities"] for cell in cells])
        few = int(labelled.sum()) < _LABELS_A_CLUSTER * len(np.unique(cluster))
        if few or margin is None:
            chosen, why = _typical(embedding, cluster, labelled, count), Why.TYPICAL
        else:
            open_ones = np.flatnonzero(~labelled)
            doubtful = open_ones[np.argsort(margin[open_ones], kind="stable")][: _DOUBTFUL * count]
            chosen, why = _spread(embedding, doubtful, np.flatnonzero(labelled), count), Why.DOUBTFUL
        return [Suggestion(int(cells[k]["event_id"]), why, int(cluster[k])) for k in chosen]

    def _axes(self) -> list[str]:
        return [name for name in self._query.columns() if name.startswith("embedding_")]


def _margins(probabilities: Sequence[Any]) -> npt.NDArray[np.float64] | None:
    """Return how far the likeliest class is before the next; None where the model has fewer than two classes."""
    if len(probabilities[0]) < 2:
        return None
    ordered = np.sort(np.array(probabilities, np.float64), axis=1)
    return ordered[:, -1] - ordered[:, -2]


def _typical(
    embedding: npt.NDArray[np.float64],
    cluster: npt.NDArray[np.int64],
    labelled: npt.NDArray[np.bool_],
    count: int,
) -> list[int]:
    """Return the same number of cells of each cluster, from its denser half, in turn."""
    columns = []
    for k in np.unique(cluster):
        of_it = np.flatnonzero(cluster == k)[:_OF_A_CLUSTER]
        dense = of_it[np.argsort(_crowding(embedding[of_it]), kind="stable")][: max(1, len(of_it) // 2)]
        columns.append(_spread(embedding, dense[~labelled[dense]], of_it[labelled[of_it]], count))
    turns = max((len(column) for column in columns), default=0)
    return [column[turn] for turn in range(turns) for column in columns if turn < len(column)][:count]


def _crowding(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean squared distance of each point to its nearest ones: small where it is crowded."""
    squares = np.square(points[:, np.newaxis, :] - points[np.newaxis, :, :]).sum(axis=2)
    nearest = np.sort(squares, axis=1)[:, 1 : _NEAREST + 1]
    return np.asarray(nearest.mean(axis=1)) if nearest.shape[1] else np.zeros(len(points))


def _spread(
    embedding: npt.NDArray[np.float64], among: npt.NDArray[np.intp], known: npt.NDArray[np.intp], count: int
) -> list[int]:
    """Take from `among`, time and again, the point farthest from all that are taken or known; at first, the first."""
    if not len(among):
        return []
    points = embedding[among]
    far = np.full(len(among), np.inf)
    for k in known:
        far = np.minimum(far, np.square(points - embedding[k]).sum(axis=1))
    chosen: list[int] = []
    while len(chosen) < min(count, len(among)):
        best = int(np.argmax(far))
        chosen.append(int(among[best]))
        far = np.minimum(far, np.square(points - points[best]).sum(axis=1))
        far[best] = -1.0
    return chosen
