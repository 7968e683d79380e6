"""What a contract promises of cells that were not learnt from: set on the answers for the validation run."""

from __future__ import annotations

from typing import Any

import numpy as np

from inference import drift
from inference.conformal import least_probabilities
from inference.results import CellResults
from inference.training.calibration import LEAST_CELLS
from inference.training.data import TrainingSet
from inference.training.options import TrainingOptions


def unset_novelty(method: str) -> dict[str, Any]:
    """Return what stands in the contract of a draft until there are answers to set the threshold on."""
    return {"method": method, "threshold": 0.0, "false_reject_rate": 0.5, "cells": 1}


def thresholds(results: CellResults, cells: TrainingSet, method: str, options: TrainingOptions) -> dict[str, Any]:
    """Return the contract's fields `novelty`, `conformal` and `drift`.

    Parameters
    ----------
    results
        What the exported live graph answers for the cells, so that thresholds hold to the last digit.
    cells
        The validation run.
    method
        What the graph answers as novelty.
    """
    return {
        "novelty": _novelty(results, method, options),
        "conformal": _conformal(results, cells, options),
        "drift": _drift(results),
    }


def _novelty(results: CellResults, method: str, options: TrainingOptions) -> dict[str, Any]:
    return {
        "method": method,
        "threshold": float(np.quantile(results.novelty, 1 - options.false_reject_rate)),
        "false_reject_rate": options.false_reject_rate,
        "cells": len(results),
    }


def _conformal(results: CellResults, cells: TrainingSet, options: TrainingOptions) -> dict[str, Any] | None:
    known, classes = cells.is_labelled, results.class_probability.shape[1]
    if classes == 0 or np.count_nonzero(known) < LEAST_CELLS:
        return None
    label = cells.label[known]
    return {
        "alpha": options.alpha,
        "least_probability": least_probabilities(results.class_probability[known], label, options.alpha),
        "cells": np.bincount(label, minlength=classes).tolist(),
    }


def _drift(results: CellResults) -> dict[str, Any] | None:
    if len(results) < drift.LEAST_CELLS:
        return None
    return {"quantiles": drift.reference_quantiles(results.embedding), "cells": len(results)}
