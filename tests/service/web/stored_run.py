"""A finished run on disk, made by the real line from simulated cells: what API and page are tested on."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from tiny_bundle import tiny_bundle

from acquisition.detection import detector_for
from acquisition.errors import EndOfStream
from acquisition.event import Event
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.source import open_source
from inference.bundle import Bundle
from inference.engine import Engine
from reconstruction.images import CellImages
from reconstruction.transform import transform_for
from service.run import FinishReason, Ledger, Run, RunRequest, RunState
from service.runs.control import RUNS
from service.store.run_folder import RunFolder
from service.store.tables.cell_rows import AnswerNames

SOURCE = "sim:sheet-ci"
CELLS = 24
# Nothing of this depends on a test, and the simulation is the slow part of it.
_RATE = "8"


@lru_cache(maxsize=1)
def simulated_events() -> tuple[Instrument, list[Event], CellImages]:
    """Events of a short simulation, and their images."""
    with open_source(f"{SOURCE}?cells={CELLS}&rate={_RATE}&seed=3") as source:
        detector = detector_for(source.instrument)
        events: list[Event] = []
        source.start()
        while True:
            try:
                events += detector.push(source.read())
            except EndOfStream:
                break
        events += detector.flush()
        return source.instrument, events, transform_for(source.instrument).images(events)


def make_run(data: Path, run_id: str = "20260101T120000000Z-abcdef", bundle: Bundle | None = None) -> Run:
    """Store a finished run in the data folder and return it."""
    instrument, events, images = simulated_events()
    bundle = bundle or tiny_bundle()
    engine = Engine(bundle, provider="cpu", threads=1, batch_sizes=(8,))
    cells, rejected = images.take(images.is_cell), images.take(~images.is_cell)
    reasons = [reason.value for reason in rejected.rejection]
    run = Run(
        id=run_id,
        state=RunState.DONE,
        finish_reason=FinishReason.SOURCE_ENDED,
        request=RunRequest(source=SOURCE),
        source="simulated sheet-ci",
        origin=Origin.SIMULATED,
        instrument=instrument,
        pipeline="detector|transform|bundle",
        pipeline_id="0123456789abcdef",
        bundle=bundle.contract.name,
        bundle_digest=bundle.digest,
        provider=engine.provider,
        started_at="2026-01-01T12:00:00Z",
        ended_at="2026-01-01T12:00:09Z",
        ledger=Ledger(
            detected=len(images),
            stored=len(cells),
            rejected={reason: reasons.count(reason) for reason in sorted(set(reasons))},
            samples=events[-1].window_tick + len(events[-1].window),
        ),
    )
    names = AnswerNames.of(bundle.contract)
    folder = RunFolder.create(data / RUNS, run, names, bundle.to_bytes())
    folder.append_windows(events)
    folder.append(cells, folder.rows(cells, engine.answer(cells)))
    folder.append_rejected(rejected)
    folder.seal()
    folder.save_run(run.model_copy(update={"files": folder.files()}))
    folder.close()
    return run
