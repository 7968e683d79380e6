"""Settling the events of a chunk: images, judgement and answers, by one thread of any process that sees the run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa

from inference.messages import Start
from inference.worker import AnsweringEngine
from reconstruction.images import CellImages
from reconstruction.transform import Transform
from service.memory import keep_freed
from service.reprocess.batches import from_rows, from_windows
from service.reprocess.job import Events, Job, Settled, checked_version
from service.result_set import Scope
from service.store.run_folder import RunFolder
from service.store.tables.cell_rows import AnswerNames, cell_rows, rejected_rows

logger = logging.getLogger("lightline.reprocess")


class Workshop:
    """A run, a transform and a warm model, opened for one job; `settle` is called by one thread."""

    def __init__(
        self, job: Job, folder: RunFolder, transform: Transform, engine: AnsweringEngine, names: AnswerNames
    ) -> None:
        self._job = job
        self._folder = folder
        self._transform = transform
        self._engine = engine
        self._names = names
        self._sample_rate_hz = folder.run().instrument.sample_rate_hz

    @classmethod
    def open(cls, job: Job) -> Self:
        """Open the run, compile the kernels and warm the model.

        Raises
        ------
        LightlineError
            If this computer does not see the run, has another version, or cannot use the model.
        """
        checked_version(job.version)
        keep_freed()
        folder = RunFolder.open(job.run)
        try:
            run = folder.run()
            transform = job.makers.transform(run.instrument, run.request.images)
            bundle = job.makers.bundle(str(job.bundle), run.instrument)
            start = Start(run.id, 1, run.instrument.to_json(), job.pipeline, job.digest, bundle.to_bytes())
            engine = job.makers.engine(job.provider)(start)
            if not stored_inputs(job, folder):
                transform.warm()
            return cls(job, folder, transform, engine, AnswerNames.of(bundle.contract))
        except BaseException:
            folder.close()
            raise

    def settle(self, events: Events) -> Settled:
        """Settle these events; what the run has of them and would come out the same is taken from it."""
        job, folder = self._job, self._folder
        chunk, rest = _Chunk(), events
        if job.same_images:
            live, ends = folder.results(), (int(events[0]), int(events[-1]))
            rejected, cells = (_of_events(query.rows_between(*ends), events) for query in (live.rejected, live.cells))
            known = [rejected]
            chunk.take_over(rejected, chunk.rejected)
            if job.scope is Scope.MISSING:
                chunk.take_over(cells, chunk.cells)
                known.append(cells)
            elif stored_inputs(job, folder):
                self._answer(from_rows(folder, job.inputs, cells), chunk)
                known.append(cells)
            rest = np.setdiff1d(events, np.concatenate([rows.column("event_id").to_numpy() for rows in known]))
        self._answer(from_windows(folder, self._transform, job.channels, rest.tolist()), chunk)
        return Settled(
            events,
            _joined(chunk.cells),
            _joined(chunk.rejected),
            chunk.dropped,
            chunk.taken_over,
            self._engine.provider,
        )

    def close(self) -> None:
        """Give the files back."""
        self._folder.close()

    def _answer(self, batches: Iterator[CellImages], chunk: _Chunk) -> None:
        for images in batches:
            cells, rejected = images.take(images.is_cell), images.take(~images.is_cell)
            if len(rejected):
                chunk.rejected.append(rejected_rows(rejected, self._sample_rate_hz))
            if not len(cells):
                continue
            inputs = {name: cells.images[name] for name in self._job.inputs}
            try:
                results = self._engine.answer_arrays(cells.event_id, inputs)
            except Exception:
                # Whatever a model does wrong must cost its batch, not the rest.
                logger.exception("A batch has no answer.", extra={"what": "no_answer", "run": self._folder.run().id})
                chunk.dropped += len(cells)
            else:
                chunk.cells.append(cell_rows(cells, results, self._names, self._sample_rate_hz))


@dataclass
class _Chunk:
    """Rows of a chunk, and what became of its events."""

    cells: list[Any] = field(default_factory=list)
    rejected: list[Any] = field(default_factory=list)
    dropped: int = 0
    taken_over: int = 0

    def take_over(self, rows: Any, into: list[Any]) -> None:
        """Copy rows of the live set."""
        if rows.num_rows:
            into.append(rows)
            self.taken_over += rows.num_rows


def stored_inputs(job: Job, folder: RunFolder) -> bool:
    """Tell whether the images that the model looks at lie in the run folder as they would be made now."""
    return job.same_images and set(job.inputs) <= set(folder.stored_channels)


class _Mine(threading.local):
    """What this thread holds open."""

    key = ""
    workshop: Workshop | None = None


_mine = _Mine()


def settle_here(job: Job, events: Events) -> Settled:
    """Settle a chunk in this thread, which keeps what it opened for the chunks of the same job that follow."""
    if _mine.workshop is None or _mine.key != job.key:
        leave_here()
        _mine.workshop, _mine.key = Workshop.open(job), job.key
    return _mine.workshop.settle(events)


def leave_here() -> None:
    """Close what this thread holds open; may be called twice."""
    workshop, _mine.workshop = _mine.workshop, None
    if workshop is not None:
        workshop.close()


def _of_events(rows: Any, events: Events) -> Any:
    return rows.filter(np.isin(rows.column("event_id").to_numpy(), events))


def _joined(tables: Sequence[Any]) -> Any:
    if not tables:
        return None
    schema = tables[0].schema
    alike = [table if table.schema.equals(schema) else table.cast(schema) for table in tables]
    return pa.concat_tables(alike).sort_by("event_id").combine_chunks()
