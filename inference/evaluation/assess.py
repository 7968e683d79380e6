"""All that can be said of a bundle on cells it is given, as numbers and as what pictures are made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from acquisition.origin import Origin
from inference.contract import Contract
from inference.engine import Engine, Explanation
from inference.errors import BundleError, TrainingError
from inference.evaluation.agreement import Agreement, agreement, cluster_agreement
from inference.evaluation.answers import answers_of, explanations_of
from inference.evaluation.baselines import score_baselines
from inference.evaluation.explainer import Explainer, MapsOf, explainer_of, targets_of
from inference.evaluation.factors import FactorsAssessment, assess_factors
from inference.evaluation.faithfulness import Explained, MapScores, OrderScore, map_scores, order_scores
from inference.evaluation.mask_study import MaskScore, mask_study
from inference.evaluation.sanity import shuffled_weights
from inference.results import CellResults
from inference.training.data import TrainingSet


class Assessment(BaseModel):
    """How well a bundle does, in numbers."""

    model_config = ConfigDict(frozen=True)

    bundle: str
    digest: str
    model: str
    origin: Origin
    """How real the least real cell is."""
    runs: tuple[str, ...]
    learnt_runs: tuple[str, ...]
    """Those among the runs that the bundle was trained or stopped on: figures on them are too good."""
    cells: int
    labelled: int
    novel_share: float
    """Share of cells above the bundle's novelty threshold."""
    cluster_share: dict[str, float]
    clusters: Agreement | None
    """Against the truth; None where the labelled cells are of fewer than two classes."""
    classes: Agreement | None
    """None also where the bundle has no classes."""
    controls: dict[str, Agreement]
    """Empty where there is no truth, or no other run to fit them to."""
    controls_fitted_to: str
    factors: FactorsAssessment | None
    """None where the bundle has no factors, or too few of the cells know theirs."""
    map_targets: tuple[str, ...]
    """What the maps explain."""
    map_cells: int
    """Cells, drawn at random, that maps were measured on."""
    empty_maps: int
    """Of those, cells in which nothing speaks for the target; left out of all that follows."""
    orders: tuple[OrderScore, ...]
    maps: dict[str, MapScores]
    """By channel."""
    shuffled_weights: dict[str, dict[str, float | None]]
    """By depth and channel, see `inference.evaluation.sanity`."""
    masks: tuple[MaskScore, ...]
    """Empty unless asked for."""


@dataclass(frozen=True)
class Assessed:
    """Numbers, and the answers that they were made of.

    Attributes
    ----------
    numbers
        To be printed or stored.
    results, explanation
        For every cell, in order.
    """

    numbers: Assessment
    results: CellResults
    explanation: Explanation


def assess(
    engine: Engine,
    cells: TrainingSet,
    *,
    others: TrainingSet | None = None,
    map_cells: int = 48,
    maps_of: MapsOf = MapsOf.HEAD,
    with_masks: bool = False,
    seed: int = 0,
) -> Assessed:
    """Judge a bundle on cells.

    Parameters
    ----------
    cells
        Of one or more runs, with labels or without.
    others
        Cells of other runs that the controls are fitted to; None takes each run's fellow runs.
    map_cells
        Draw so many cells to measure maps on; with 0 they are not measured.
    maps_of
        What the maps explain.
    with_masks
        Whether paper A's mask study is made.
    seed
        Of everything random.

    Raises
    ------
    TrainingError, BundleError
        If there are no cells, or they are not the images that the bundle takes.
    """
    contract = engine.contract
    check_cells(contract, cells)
    explainer = explainer_of(engine, maps_of)
    results, explanation = answers_of(engine, cells), explanations_of(explainer, cells)
    known = cells.where(cells.is_labelled)
    told = len(np.unique(known.label)) > 1
    rest = None if others is None else others.where(others.is_labelled)
    baselines = score_baselines(known, rest, seed) if told else None
    drawn = _explained(engine.contract, explainer, cells, map_cells, seed)
    shares = np.bincount(results.cluster, minlength=len(contract.clusters)) / len(cells)
    # By name without its folder: who trains and who judges may stand in different ones.
    learnt = {PurePath(name).name for name in (*contract.training.sources, *contract.training.validation_sources)}
    numbers = Assessment(
        bundle=contract.name,
        digest=contract.digest,
        model=contract.model,
        origin=cells.origin,
        runs=cells.run_names,
        learnt_runs=tuple(name for name in cells.run_names if PurePath(name).name in learnt),
        cells=len(cells),
        labelled=len(known),
        novel_share=float((results.novelty > contract.novelty.threshold).mean()),
        cluster_share=dict(zip(contract.clusters, shares.tolist(), strict=True)),
        clusters=_clusters(cells, results, contract) if told else None,
        classes=_classes(cells, results, contract) if told and contract.classes else None,
        controls={} if baselines is None else baselines.scores,
        controls_fitted_to="" if baselines is None else baselines.fitted_to,
        factors=assess_factors(contract, cells, results, seed),
        map_targets=targets_of(engine, maps_of),
        map_cells=min(map_cells, len(cells)),
        empty_maps=min(map_cells, len(cells)) - len(drawn),
        orders=order_scores(explainer, drawn, seed) if len(drawn) else (),
        maps=map_scores(explainer, drawn) if len(drawn) else {},
        shuffled_weights=shuffled_weights(engine, drawn, maps_of=maps_of) if len(drawn) else {},
        masks=mask_study(engine, cells, seed) if with_masks else (),
    )
    return Assessed(numbers, results, explanation)


def check_cells(contract: Contract, cells: TrainingSet) -> None:
    """Check that there are cells, and that their images are the ones that the model was made for.

    Raises
    ------
    TrainingError, BundleError
        If not; one sentence.
    """
    if not len(cells):
        raise TrainingError("There are no cells to judge the bundle on; give other sources.")
    for spec in contract.inputs:
        if spec.channel not in cells.images:
            known = ", ".join(cells.channels)
            raise BundleError(f"The bundle '{contract.name}' needs images of '{spec.channel}', but there are {known}.")
        pool = cells.pool[spec.channel]
        shape = tuple(size * pool for size in cells.images[spec.channel].shape[1:])
        given = spec.model_copy(update={"shape": shape, "pixel_um": cells.pixel_um})
        if shape != spec.shape or not _same_pixel(spec.pixel_um, cells.pixel_um):
            raise BundleError(
                f"The bundle '{contract.name}' takes {spec.in_words}, but the cells are {given.in_words}; give others."
            )


def _same_pixel(one_um: float | None, other_um: float | None) -> bool:
    if one_um is None or other_um is None:
        return one_um is other_um
    return abs(one_um - other_um) <= 1e-3 * other_um


def _clusters(cells: TrainingSet, results: CellResults, contract: Contract) -> Agreement:
    known = cells.is_labelled
    return cluster_agreement(cells.label[known], results.cluster[known], cells.label_names, len(contract.clusters))


def _classes(cells: TrainingSet, results: CellResults, contract: Contract) -> Agreement:
    """Compare by name: the cells may be of classes that the bundle never met, and the other way round."""
    names = tuple(sorted({*cells.label_names, *contract.classes}))
    known = cells.is_labelled
    truth = _places(cells.label_names, names)[cells.label[known]]
    answered = _places(contract.classes, names)[results.class_probability.argmax(axis=1)[known]]
    return agreement(truth, answered, names)


def _places(some: tuple[str, ...], names: tuple[str, ...]) -> npt.NDArray[np.int64]:
    return np.array([names.index(name) for name in some], dtype=np.int64)


def _explained(contract: Contract, explainer: Explainer, cells: TrainingSet, most: int, seed: int) -> Explained:
    """Draw cells at random, and leave out those whose maps are empty."""
    rows = np.zeros(len(cells), dtype=np.bool_)
    rows[np.random.default_rng(seed).permutation(len(cells))[:most]] = True
    explanation = explanations_of(explainer, cells.where(rows)) if most else None
    if explanation is not None:
        rows[np.flatnonzero(rows)[explanation.empty]] = False
    some = cells.where(rows)
    images = some.as_given(slice(None))
    given = {spec.channel: images[spec.channel] for spec in contract.inputs}
    return Explained(given, explainer.explain(given))
