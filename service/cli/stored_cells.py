"""Cells of a run folder as something to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from inference.errors import TrainingError
from service.cli.progress import Progress
from service.cli.true_factors import stored_factors
from service.runs.truth import STORED
from service.store.run_files import TRUTH
from service.store.run_folder import RunFolder

if TYPE_CHECKING:
    from inference.training.data import TrainingSet
    from service.cli.model_kinds import Wanted

_PAGE = 1000


def from_run(path: Path, cells: int, wanted: Wanted, progress: Progress) -> TrainingSet:
    """Return images of a run's cells; volumes are made again.

    They are labelled as people labelled them, and those that have a label come first into what is taken. Where nobody
    labelled any, they are labelled where the run knows the true cells.

    Parameters
    ----------
    path
        Folder of the run.
    cells
        Take at most so many.
    wanted
        Which images.
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
    from inference.training.stacks import StackWriter, kept_images

    folder = RunFolder.open(path)
    try:
        run = folder.run()
        given = folder.labels.all()
        ids = sorted(given)[:cells]
        ids = sorted({*ids, *first_ids(folder, cells)[: cells - len(ids)]})
        if not ids:
            raise TrainingError(f"The run '{path}' has no cells to learn from; choose another.")
        images = {channel: StackWriter() for channel in wanted.kind.channels(run.instrument, wanted.channels)}
        for done, event_id in enumerate(ids, start=1):
            for channel, writer in images.items():
                image = folder.image(event_id, channel)[np.newaxis]
                writer.append(kept_images(image, wanted.pool_of(image.ndim)))
            progress(done, len(ids))
    finally:
        folder.close()
    kinds = given or true_kinds(path)
    stacks = {channel: writer.finish() for channel, writer in images.items()}
    return TrainingSet(
        images=stacks,
        pool={channel: wanted.pool_of(stack.ndim) for channel, stack in stacks.items()},
        label=np.full(len(ids), UNLABELLED, dtype=np.int32),
        label_names=(),
        run=np.zeros(len(ids), dtype=np.int32),
        run_names=(run.id,),
        pixel_um=run.instrument.grid.pixel_um,
        instrument_kind=run.instrument.kind,
        origin=run.origin,
        factors=stored_factors(path, ids, wanted.factors, must_be_known=wanted.factors_must_be_known),
    ).labelled([kinds.get(event_id, "") for event_id in ids])


def first_ids(folder: RunFolder, cells: int, where: str | None = None) -> list[int]:
    """Return the ids of a run's first cells, at most so many, of those that a filter lets through."""
    ids: list[int] = []
    after: int | None = 0
    while after is not None and len(ids) < cells:
        page = folder.results().cells.page(where, after=after, limit=min(_PAGE, cells - len(ids)), fields=["event_id"])
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
