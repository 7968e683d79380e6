"""Which runs are learnt from, which stop the training, and which measure it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.errors import TrainingError
from inference.training.data import TrainingSet
from inference.training.options import TrainingOptions


@dataclass(frozen=True)
class RunSplit:
    """Three sets of whole runs.

    Attributes
    ----------
    train, validation, test
        With only two runs, validation and test are the same, and metrics are optimistic by as much as the early stop
        and the novelty threshold could adapt to that run; the contract names the runs, so that a reader can tell.
    """

    train: TrainingSet
    validation: TrainingSet
    test: TrainingSet


def split_by_run(cells: TrainingSet, options: TrainingOptions) -> RunSplit:
    """Hold out whole runs, never single cells: cells of one run share its illumination, focus and donor.

    By default the last run measures and, where there are three, the one before it stops the training.

    Raises
    ------
    TrainingError
        If there are fewer than two runs, a run named does not exist, a part is too small, or the held-out runs hold
        a class that the training runs do not.
    """
    names = cells.run_names
    if len(names) < 2:
        raise TrainingError("A model needs cells of at least two runs, one of them held out; give another source.")
    test = options.test_run if options.test_run is not None else names[-1]
    others = [name for name in names if name != test]
    validation = options.validation_run
    if validation is None:
        validation = others[-1] if len(others) > 1 else test
    for name in (test, validation):
        if name not in names:
            raise TrainingError(f"There is no run '{name}' to hold out; use one of {', '.join(names)}.")
    fitted = [name for name in names if name not in (test, validation)]
    split = RunSplit(cells.of_runs(fitted), cells.of_runs([validation]), cells.of_runs([test]))
    _check_sizes(split, options)
    return split


def _check_sizes(split: RunSplit, options: TrainingOptions) -> None:
    least = max(20, 10 * (options.clusters or 1))
    for part, cells in (("training", split.train), ("validation", split.validation), ("test", split.test)):
        if len(cells) < least:
            raise TrainingError(f"The {part} runs hold only {len(cells)} cells; at least {least} are needed.")
    learnt = set(np.unique(split.train.label))
    for cells in (split.validation, split.test):
        for label in set(np.unique(cells.label[cells.is_labelled])) - learnt:
            raise TrainingError(
                f"The held-out run '{cells.run_names[0]}' holds the class '{cells.label_names[int(label)]}', "
                "which no training run has; every run should hold every class."
            )
