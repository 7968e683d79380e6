"""True values of what cells differ by, for those that know: simulations, and runs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from inference.errors import TrainingError
from service.runs.truth import STORED
from service.store.run_files import TRUTH

Factors = dict[str, npt.NDArray[np.float64]]


def true_factors(
    matched: Mapping[str, npt.NDArray[Any]], ids: Sequence[int], names: Sequence[str], place: str
) -> Factors:
    """Return columns of the truth for events, NaN where nothing is known of an event.

    Parameters
    ----------
    matched
        The truth with `event_id` and `outcome`, see `service.runs.truth.match_truth`.
    ids
        Of the events.
    names
        Of the columns.
    place
        What knows the truth, for errors.

    Raises
    ------
    TrainingError
        If there is no such column of numbers.
    """
    known = sorted(name for name, column in matched.items() if np.asarray(column).dtype.kind == "f")
    for name in names:
        if name not in known:
            raise TrainingError(f"The truth of '{place}' has no numbers '{name}'; use one of {', '.join(known)}.")
    stored = np.flatnonzero(np.asarray(matched["outcome"]).astype(str) == STORED)
    row_of = dict(zip(np.asarray(matched["event_id"])[stored].tolist(), stored.tolist(), strict=True))
    rows = np.array([row_of.get(event_id, -1) for event_id in ids], dtype=np.int64)
    return {name: np.where(rows >= 0, np.asarray(matched[name], np.float64)[rows], np.nan) for name in names}


def stored_factors(path: Path, ids: Sequence[int], names: Sequence[str], *, must_be_known: bool = True) -> Factors:
    """Return the same for events of the run in a folder; raises the same, also where the run should know its truth."""
    if not names:
        return {}
    file = path / TRUTH
    if not file.is_file():
        if not must_be_known:
            return {}
        raise TrainingError(f"The run '{path}' knows no truth of its cells; learn factors from a simulation.")
    table = pq.read_table(file)
    matched = {name: table.column(name).to_numpy() for name in table.column_names}
    return true_factors(matched, ids, names, str(path))
