"""Cells of a run folder as something to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from inference.errors import TrainingError
from reconstruction.transform import transform_for
from service.cli.progress import Progress
from service.run_files import TRUTH
from service.run_folder import RunFolder
from service.truth import STORED

if TYPE_CHECKING:
    from inference.training.data import TrainingSet

_PAGE = 1000


def from_run(path: Path, cells: int, progress: Progress) -> TrainingSet:
    """Return the first flat images of a run's cells, labelled where the run knows the true cells.

    Parameters
    ----------
    path
        Folder of the run.
    cells
        Take at most so many.
    progress
        Takes the cells so far and the most that are wanted.

    Raises
    ------
    RunFolderError
        If it is not a run.
    TrainingError
        If the run has no cells.
    """
    from inference.training.data import UNLABELLED, TrainingSet

    folder = RunFolder.open(path)
    try:
        run = folder.run()
        ids = first_ids(folder, cells)
        if not ids:
            raise TrainingError(f"The run '{path}' has no cells to learn from; choose another.")
        channel = transform_for(run.instrument).flat_channels[0]
        images = []
        for event_id in ids:
            images.append(np.asarray(folder.image(event_id, channel), dtype=np.float32))
            progress(len(images), len(ids))
    finally:
        folder.close()
    kinds = true_kinds(path)
    names = tuple(sorted({kinds[event_id] for event_id in ids if event_id in kinds}))
    label = [names.index(kinds[event_id]) if event_id in kinds else UNLABELLED for event_id in ids]
    return TrainingSet(
        images=np.stack(images)[:, np.newaxis],
        label=np.array(label, dtype=np.int32),
        label_names=names,
        run=np.zeros(len(ids), dtype=np.int32),
        run_names=(run.id,),
        channel=channel,
        pixel_um=run.instrument.grid.pixel_um,
        instrument_kind=run.instrument.kind,
        origin=run.origin,
    )


def first_ids(folder: RunFolder, cells: int, where: str | None = None) -> list[int]:
    """Return the ids of a run's first cells, at most so many, of those that a filter lets through."""
    ids: list[int] = []
    after: int | None = 0
    while after is not None and len(ids) < cells:
        page = folder.cells(where, after=after, limit=min(_PAGE, cells - len(ids)), fields=["event_id"])
        ids += [int(row["event_id"]) for row in page.rows]
        after = page.next
    return ids


def true_kinds(path: Path) -> dict[int, str]:
    """Return the kind of the true cell behind each event of a run; empty where the run does not know."""
    file = path / TRUTH
    if not file.is_file():
        return {}
    table = pq.read_table(file, columns=["event_id", "outcome", "true_kind"])
    rows = zip(*(table.column(name).to_pylist() for name in ("event_id", "outcome", "true_kind")), strict=True)
    return {int(event_id): str(kind) for event_id, outcome, kind in rows if outcome == STORED}
