"""Recordings as runs: every event of a recording with its window, to be answered chunk by chunk like any stored run."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from acquisition.block import Block
from acquisition.errors import ConfigError, LightlineError, TraceError
from acquisition.event import Event
from acquisition.inspection import recording_url
from acquisition.source import Source
from acquisition.trace_sequence import first_file
from service.clock import now_utc
from service.identity import pipeline_text, software_versions
from service.reprocess.job import checked_version
from service.run import DropReason, FinishReason, Run, RunRequest, RunState
from service.runs.arming import Makers, begun_run
from service.runs.edge import Edge, Policy
from service.runs.intake import Intake
from service.runs.ledger import LedgerBook
from service.runs.pipeline import BLOCKS, EVENTS_PER_BATCH
from service.store.run_folder import RunFolder
from service.store.tables.cell_rows import AnswerNames

_BESIDE = ".finding-"
"""Begins the name of a folder that is no run yet; one that a killed search left is removed by the next."""


@dataclass(frozen=True)
class Search:
    """A recording to be made a run of, as a worker is told of it.

    Attributes
    ----------
    url
        Of the recording, as workers see it.
    root
        Folder of runs, as workers see it.
    run_id
        The same whenever the same recording is searched, so that it becomes a run once.
    bundle
        Named in the run as its model; None takes the one shipped for the instrument.
    version
        Of Lightline, on the computer that asks.
    makers
        How source, detector and the rest are found.
    """

    url: str
    root: Path
    run_id: str
    bundle: str | None
    version: str
    makers: Makers


def search_of(recording: Path, root: Path, bundle: str | None, makers: Makers) -> Search:
    """Return what a worker has to know of a recording.

    Raises
    ------
    TraceError
        If it is not there, or is no recording.
    """
    file = first_file(recording).resolve()
    try:
        about = file.stat()
    except OSError:
        raise TraceError(f"There is no recording '{recording}'; name a trace file, or the folder of one.") from None
    made = datetime.fromtimestamp(about.st_mtime, UTC)
    version = software_versions().get("lightline", "")
    identity = hashlib.sha256(f"{file}\n{about.st_size}\n{about.st_mtime_ns}\n{version}".encode()).hexdigest()[:6]
    run_id = f"{made:%Y%m%dT%H%M%S}{made.microsecond // 1000:03d}Z-{identity}"
    return Search(recording_url(str(file)), root.resolve(), run_id, bundle, version, makers)


def find(search: Search) -> Path:
    """Find the events of a recording, and return the run folder that has their windows.

    The detector walks the whole recording in its order, as it does when samples come from an instrument: what it knows
    of clock and background at any place depends on all that was before. The folder gets its name when it is complete;
    of two that search the same recording, the one who is done first has made it.

    Raises
    ------
    LightlineError
        If the recording cannot be read, or the disk does not take the windows.
    """
    path = search.root / search.run_id
    if path.is_dir():
        return path
    checked_version(search.version)
    beside = search.root / f"{_BESIDE}{search.run_id}-{secrets.token_hex(4)}"
    try:
        with search.makers.source(search.url) as source:
            _found(search, source, beside)
        (beside / search.run_id).rename(path)
    except OSError:
        # Another was done first, and has swept this one away.
        if not path.is_dir():
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    for left in search.root.glob(f"{_BESIDE}{search.run_id}-*"):
        shutil.rmtree(left, ignore_errors=True)
    return path


def _found(search: Search, source: Source, root: Path) -> None:
    if source.total_samples is None or not source.waits:
        raise ConfigError(f"'{search.url}' is no recording, as it has no end; acquire it with 'lightline run'.")
    run, names, bundle = _begun(search, source)
    ledger = LedgerBook()
    folder = RunFolder.create(root, run, names, bundle)
    try:
        _walk(search, source, folder, ledger)
        folder.seal()
        folder.finish()
        ledger.drop_rest(DropReason.DEFERRED)
        done = {"state": RunState.DONE, "finish_reason": FinishReason.SOURCE_ENDED, "ended_at": now_utc()}
        folder.save_run(run.model_copy(update={**done, "ledger": ledger.snapshot(), "files": folder.files()}))
    finally:
        folder.close()


def _begun(search: Search, source: Source) -> tuple[Run, AnswerNames, bytes]:
    """Return the run as it begins, what its bundle's answers mean, and the bundle."""
    instrument, makers = source.instrument, search.makers
    request = RunRequest(source=search.url, bundle=search.bundle)
    bundle = makers.bundle(search.bundle, instrument)
    detector, transform = makers.detector(instrument), makers.transform(instrument, request.images)
    pipeline = pipeline_text(detector.parameters, transform.parameters, bundle.contract.name, bundle.digest)
    run = begun_run(search.run_id, RunState.ACQUIRING, request, source, pipeline, bundle)
    return run, AnswerNames.of(bundle.contract), bundle.to_bytes()


def _walk(search: Search, source: Source, folder: RunFolder, ledger: LedgerBook) -> None:
    """Take every sample through a detector, and every event into the folder."""
    blocks: Edge[Block] = Edge(BLOCKS, Policy.WAIT)
    ends: list[tuple[FinishReason, str | None]] = []
    intake = Intake(source, None, blocks, ledger, None, lambda reason, error: ends.append((reason, error)))

    def read() -> None:
        try:
            intake.run()
        except LightlineError as error:
            ends.append((FinishReason.FAILED, str(error)))

    thread = threading.Thread(target=read, name="find-read", daemon=True)
    detector = search.makers.detector(source.instrument)
    thread.start()
    try:
        while taken := blocks.take():
            for block in taken:
                _keep(folder, detector.push(block), ledger)
        _keep(folder, detector.flush(), ledger)
    finally:
        intake.stop()
        blocks.abort()
        thread.join()
    if not ends or ends[0][0] is not FinishReason.SOURCE_ENDED:
        why = ends[0][1] if ends else None
        raise TraceError(why or f"The recording '{search.url}' could not be read to its end; 'lightline inspect' it.")


def _keep(folder: RunFolder, events: list[Event], ledger: LedgerBook) -> None:
    ledger.detected(len(events))
    for first in range(0, len(events), EVENTS_PER_BATCH):
        folder.append_windows(events[first : first + EVENTS_PER_BATCH])
