"""What needs no model, fitted to other runs than it is scored on, as a model's own training is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.errors import TrainingError
from inference.evaluation.agreement import Agreement, agreement
from inference.training.controls import control_predictions
from inference.training.data import TrainingSet


@dataclass(frozen=True)
class Baselines:
    """Controls on the cells that a bundle is judged on.

    Attributes
    ----------
    scores
        By control.
    fitted_to
        In words, the runs that they learnt from.
    """

    scores: dict[str, Agreement]
    fitted_to: str


def score_baselines(cells: TrainingSet, others: TrainingSet | None, seed: int) -> Baselines | None:
    """Fit the controls and score them on labelled cells.

    Parameters
    ----------
    cells
        All labelled.
    others
        Labelled cells of other runs to fit them to; None fits them anew for every run of `cells`, to all others of
        them.

    Returns
    -------
    Baselines | None
        None where there are no other runs.

    Raises
    ------
    TrainingError
        If the other runs hold one of those that are scored.
    """
    if others is None:
        return _one_run_out(cells, seed) if len(cells.run_names) > 1 else None
    shared = set(others.run_names) & set(cells.run_names)
    if shared:
        raise TrainingError(
            f"The controls cannot be fitted to '{min(shared)}', which they are scored on; name other runs for them."
        )
    joined = TrainingSet.concatenate([cells, others])
    scored, learnt = joined.of_runs(cells.run_names), joined.of_runs(others.run_names)
    told = control_predictions(learnt, scored, seed)
    scores = {name: agreement(scored.label, predicted, joined.label_names) for name, predicted in told.items()}
    return Baselines(scores, ", ".join(others.run_names))


def _one_run_out(cells: TrainingSet, seed: int) -> Baselines:
    told: dict[str, np.ndarray] = {}
    for name in cells.run_names:
        here = cells.run == cells.run_names.index(name)
        for control, predicted in control_predictions(cells.where(~here), cells.where(here), seed).items():
            told.setdefault(control, np.zeros(len(cells), dtype=np.int64))[here] = predicted
    scores = {name: agreement(cells.label, predicted, cells.label_names) for name, predicted in told.items()}
    return Baselines(scores, "all given runs but the one that is scored, each in turn")
