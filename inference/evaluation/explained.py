"""Why bundles say what they say of one cell, and of all cells that are taken for the same: maps, concepts, factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.contract import Contract
from inference.engine import Engine
from inference.errors import TrainingError
from inference.evaluation.answers import answers_of
from inference.evaluation.assess import check_cells
from inference.evaluation.side_by_side import CellMaps, MapsSideBySide, maps_of_cell, side_by_side
from inference.evaluation.told import SetsApart, Told, sets_apart, told_by
from inference.results import CellResults
from inference.training.data import TrainingSet


@dataclass(frozen=True)
class Asked:
    """A bundle, the cells as it takes them, and what it answered.

    Attributes
    ----------
    engine
        Of the bundle.
    cells, results
        In the same order for every bundle that is asked about the same cells.
    """

    engine: Engine
    cells: TrainingSet
    results: CellResults

    @classmethod
    def about(cls, engine: Engine, cells: TrainingSet) -> Asked:
        """Ask a bundle about cells."""
        return cls(engine, cells, answers_of(engine, cells))

    @property
    def contract(self) -> Contract:
        """Of the bundle."""
        return self.engine.contract

    @property
    def target(self) -> npt.NDArray[np.int64]:
        """`(n,)` index into the contract's targets, what every cell is most likely taken for."""
        of_classes = self.contract.targets == self.contract.classes
        found = self.results.class_probability if of_classes else self.results.cluster_posterior
        return np.asarray(found.argmax(axis=1), dtype=np.int64)

    def told(self) -> tuple[Told, ...]:
        """Return every concept and factor that the bundle answers."""
        return told_by(self.contract, self.results, self.cells)

    def maps_of(self, row: int, target: int) -> CellMaps:
        """Return one cell's maps over the first channel that the bundle has maps over."""
        images = {name: stack[0] for name, stack in self.cells.as_given(slice(row, row + 1)).items()}
        return maps_of_cell(self.engine, images, self.contract.saliency[0].channel, target)


@dataclass(frozen=True)
class CellExplained:
    """One cell.

    Attributes
    ----------
    row
        Its number, from 0.
    label
        What it truly is, empty where unknown.
    maps
        For every bundle, of what it takes the cell for: the maps, and how far they can be trusted.
    """

    row: int
    label: str
    maps: tuple[tuple[Asked, CellMaps, MapsSideBySide], ...]


@dataclass(frozen=True)
class ClassExplained:
    """All cells that the first bundle takes for the same.

    Attributes
    ----------
    name
        What they are taken for.
    cells
        How many there are.
    typical
        Rows of those nearest to the middle of the class in the embedding, nearest first.
    maps
        Of some of them, drawn at random.
    numbers
        How far these can be trusted.
    marks
        Concepts and factors of all bundles, what sets the class apart most first.
    """

    name: str
    cells: int
    typical: tuple[int, ...]
    maps: tuple[CellMaps, ...]
    numbers: MapsSideBySide
    marks: tuple[SetsApart, ...]


def check_asked(first: TrainingSet, others: Sequence[tuple[Contract, TrainingSet]], rows: Sequence[int]) -> None:
    """Check that all bundles can be asked, about the same cells, and that there are the cells asked for.

    Parameters
    ----------
    first
        The cells as the first bundle takes them.
    others
        Contracts of further bundles, with the cells as these take them.
    rows
        Numbers of cells, from 0.

    Raises
    ------
    TrainingError, BundleError
        If not; one sentence.
    """
    for contract, cells in others:
        check_cells(contract, cells)
        if len(first) != len(cells) or not np.array_equal(first.label, cells.label):
            raise TrainingError(
                f"The bundle '{contract.name}' takes other cells of these sources; give a bundle that takes the same."
            )
    for row in rows:
        if not 0 <= row < len(first):
            raise TrainingError(f"There is no cell {row}; cells are counted from 0 to {len(first) - 1}.")


def explain_cell(asked: Sequence[Asked], row: int, seed: int = 0) -> CellExplained:
    """Explain one cell, which must be there, by every bundle."""
    cells, found = asked[0].cells, []
    for one in asked:
        maps = one.maps_of(row, int(one.target[row]))
        found.append((one, maps, side_by_side(one.engine, [maps], seed)))
    label = int(cells.label[row])
    return CellExplained(row, cells.label_names[label] if label >= 0 else "", tuple(found))


def explain_class(asked: Sequence[Asked], target: int, most: int, seed: int = 0) -> ClassExplained | None:
    """Explain what the first bundle takes for one target; None where that is no cell.

    Parameters
    ----------
    target
        Index into the first contract's targets.
    most
        Make maps of so many of the cells, drawn at random, and name as many that are typical.
    seed
        Of everything random.
    """
    first = asked[0]
    these = np.asarray(first.target == target, dtype=np.bool_)
    rows = np.flatnonzero(these)
    if not rows.size:
        return None
    embedding = first.results.embedding[rows]
    away = np.linalg.norm(embedding - np.median(embedding, axis=0), axis=1)
    drawn = np.sort(np.random.default_rng(seed).permutation(rows)[:most])
    maps = tuple(first.maps_of(row, target) for row in drawn.tolist())
    marks = [sets_apart(told, these, seed) for one in asked for told in one.told()]
    return ClassExplained(
        name=first.contract.targets[target],
        cells=len(rows),
        typical=tuple(rows[np.argsort(away)[:most]].tolist()),
        maps=maps,
        numbers=side_by_side(first.engine, maps, seed),
        marks=tuple(sorted(filter(None, marks), key=lambda mark: -abs(mark.area - 0.5))),
    )
