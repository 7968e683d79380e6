"""What `lightline evaluate` is asked to explain, and the page that it makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inference.bundle import Bundle
from inference.contract import Contract
from inference.engine import Engine
from inference.errors import TrainingError
from inference.shipped import bundle_file
from service.cli.options import stack

if TYPE_CHECKING:
    from inference.evaluation.assess import Assessed
    from inference.evaluation.explained import CellExplained
    from inference.training.data import TrainingSet


@dataclass(frozen=True)
class ToExplain:
    """What is asked for.

    Attributes
    ----------
    page
        HTML file to write.
    beside
        Engines of further bundles, asked about the same cells.
    rows, names
        Cells, counted from 0, and what cells are taken for; without either, every class and its most typical cell.
    """

    page: Path
    beside: tuple[Engine, ...]
    rows: tuple[int, ...]
    names: tuple[str, ...]

    @classmethod
    def of_options(
        cls, page: Path, contract: Contract, beside: tuple[str, ...], rows: tuple[int, ...], names: tuple[str, ...]
    ) -> ToExplain:
        """Return what options ask for.

        Raises
        ------
        TrainingError, BundleError
            If the bundle tells nothing of such a name, or a bundle is not to be had.
        """
        for name in names:
            if name not in contract.targets:
                raise TrainingError(
                    f"The bundle tells nothing called '{name}'; use one of {', '.join(contract.targets)}."
                )
        return cls(page, tuple(Engine(Bundle.load(bundle_file(name))) for name in beside), rows, names)

    def taken(
        self, engine: Engine, judged: TrainingSet, collected: Callable[[Contract], TrainingSet]
    ) -> tuple[TrainingSet, ...]:
        """Return the cells as each further bundle takes them.

        Parameters
        ----------
        engine, judged
            The first bundle, and its cells.
        collected
            Returns the same cells as another bundle takes them.

        Raises
        ------
        TrainingError, BundleError
            If there is no such cell, or a bundle does not take these cells.
        """
        from inference.evaluation.assess import check_cells
        from inference.evaluation.explained import check_asked

        check_cells(engine.contract, judged)
        cells = tuple(collected(other.contract) for other in self.beside)
        others = [(other.contract, these) for other, these in zip(self.beside, cells, strict=True)]
        check_asked(judged, others, self.rows)
        return cells

    def write(
        self,
        engine: Engine,
        judged: TrainingSet,
        found: Assessed,
        taken: tuple[TrainingSet, ...],
        *,
        most: int,
        seed: int,
    ) -> None:
        """Explain cells and classes, and write the page.

        Parameters
        ----------
        engine, judged, found
            The first bundle, its cells, and what is known of it.
        taken
            The cells as each further bundle takes them.
        most
            Cells of each class that are shown, and that maps are made of.
        seed
            Of everything random.
        """
        from inference.evaluation.explained import Asked, explain_cell, explain_class
        from service.report.explanation_page import explanation_page

        others = (Asked.about(other, cells) for other, cells in zip(self.beside, taken, strict=True))
        asked = [Asked(engine, judged, found.results), *others]
        targets = engine.contract.targets
        wanted = self.names or (() if self.rows else targets)
        each = [explain_class(asked, targets.index(name), most, seed) for name in wanted]
        classes = [one for one in each if one is not None]
        rows = self.rows or tuple(one.typical[0] for one in classes)
        cells_explained: list[CellExplained] = [explain_cell(asked, row, seed) for row in rows]
        self.page.write_text(explanation_page(asked, found.numbers, cells_explained, classes), encoding="utf-8")


explanation_options = stack(
    click.option(
        "--explain",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write a second HTML file: why, for cells and classes, by maps of three kinds, concepts and factors.",
    ),
    click.option(
        "--beside",
        multiple=True,
        metavar="BUNDLE",
        help="With --explain, further bundles to ask about the same cells, such as ones of concepts or factors.",
    ),
    click.option(
        "--cell",
        "rows",
        type=click.IntRange(min=0),
        multiple=True,
        help="With --explain, a cell by its number, counted from 0 (default: the most typical of every class).",
    ),
    click.option(
        "--class",
        "names",
        multiple=True,
        help="With --explain, what cells are taken for: a class, or a cluster of a model without (default: all).",
    ),
)
"""The options `explain`, `beside`, `rows` and `names`."""
