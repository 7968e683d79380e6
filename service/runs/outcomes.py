"""What became of every event of a finished run, read from its own tables, and of the true cells behind them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.compute as pc

from acquisition.source import Truth
from service.runs.pipeline import Pipeline
from service.runs.truth import DROPPED, STORED, TOLERANCE_UM, Triggers, match_truth, seen_part, summarize
from service.store.run_folder import RunFolder


def triggers_of(folder: RunFolder, pipeline: Pipeline) -> Triggers:
    """Return every event with its outcome: stored and rejected by the tables, dropped if neither has it."""
    places = folder.event_places(["event_id", "epoch", "trigger_tick", "duration_ticks"])
    lost = np.array(list(pipeline.lost_places), dtype=np.float64).reshape(-1, 4)
    event_id = np.concatenate([places["event_id"], lost[:, 0].astype(np.uint64)])
    outcome = np.full(len(event_id), DROPPED, dtype="S64")
    results = folder.results()
    cells, rejected = results.cells.arrow(["event_id"]), results.rejected.arrow(["event_id", "rejection"])
    if cells is not None:
        outcome[np.isin(event_id, cells.column("event_id").to_numpy())] = STORED
    if rejected is not None:
        ids, reasons = rejected.column("event_id").to_numpy(), rejected.column("rejection")
        for reason in reasons.unique().to_pylist():
            outcome[np.isin(event_id, ids[pc.equal(reasons, reason).to_numpy()])] = f"rejected:{reason}"
    return Triggers(
        event_id=event_id,
        epoch=np.concatenate([places["epoch"], lost[:, 1].astype(np.int32)]),
        tick=np.concatenate([places["trigger_tick"], lost[:, 2]]),
        duration_ticks=np.concatenate([places["duration_ticks"], lost[:, 3]]),
        outcome=outcome,
    )


def truth_of_run(truth: Truth, folder: RunFolder, pipeline: Pipeline) -> dict[str, Any]:
    """Match the true cells to the run's events, write the table, and return its summary.

    Raises
    ------
    StorageError
        If the disk does not take the table.
    """
    instrument = folder.run().instrument
    tolerance_ticks = TOLERANCE_UM * 1e-6 / instrument.flow_speed_m_s * instrument.sample_rate_hz
    seen = seen_part(truth, pipeline.end_of_data)
    matched = match_truth(seen, triggers_of(folder, pipeline), tolerance_ticks)
    folder.set_truth(matched)
    return summarize(matched)
