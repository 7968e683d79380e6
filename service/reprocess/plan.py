"""What a reprocessing has to do, checked before anything is written."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from service.clock import now_utc
from service.errors import RunStateError, SetComplete
from service.identity import pipeline_id, pipeline_text, software_versions
from service.reprocess.job import Job
from service.result_set import NO_WINDOW, ResultSet, ResultState, Scope, checked_set_name
from service.run import Ledger, Run
from service.runs.arming import BundleFile, Makers
from service.store.results import Results
from service.store.run_files import BUNDLE
from service.store.run_folder import RunFolder
from service.store.set_shelf import RESULT_JSON, read_set, set_path

MOST_PER_CHUNK, FEWEST_PER_CHUNK = 1024, 128
"""Events. At most some seconds of work: long beside handing it out, short beside what an interruption may cost."""
TURNS = 16
"""Chunks that every worker does at least, so that none is without work for long while the last ones are done."""
COMPLETED = "completed"
"""Name of the set in which nothing is missing, unless another is given."""


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for.

    Attributes
    ----------
    bundle
        Name of a shipped bundle or path of a file; None takes the run's own.
    name
        Of the result set; None names it after the bundle.
    missing
        Take over what the run's own model answered, and answer only what it did not.
    provider
        `auto`, `cpu` or `cuda`.
    chunk
        Events that a worker is given at a time; None shares them out.
    """

    bundle: str | None = None
    name: str | None = None
    missing: bool = False
    provider: str = "auto"
    chunk: int | None = None

    def events_per_chunk(self, events: int, workers: int) -> int:
        """Return how many of so many events a worker is given at a time."""
        shared = -(-events // (TURNS * workers))
        return self.chunk or min(MOST_PER_CHUNK, max(FEWEST_PER_CHUNK, shared))


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes
    ----------
    folder
        The run.
    path
        Folder of the set.
    about
        The set as it begins, or as it was left.
    bundle
        What answers.
    inputs
        Images that the bundle looks at.
    channels
        Images to be made of a window: those that a run with this bundle would make.
    same_images
        Whether the run's events were judged and measured as they would be now, so that this is not done again.
    events
        `(n,)` uint64, the events that are not settled yet, in order.
    """

    folder: RunFolder
    path: Path
    about: ResultSet
    bundle: BundleFile
    inputs: tuple[str, ...]
    channels: tuple[str, ...]
    same_images: bool
    events: npt.NDArray[np.uint64]

    def job(self, wanted: Wanted, makers: Makers) -> Job:
        """Return what a worker has to know."""
        return Job(
            key=f"{self.about.run}/{self.about.name}/{secrets.token_hex(8)}",
            run=self.folder.path.resolve(),
            bundle=self.path.resolve() / BUNDLE,
            digest=self.bundle.digest,
            pipeline=self.about.pipeline,
            scope=self.about.scope,
            inputs=self.inputs,
            channels=self.channels,
            same_images=self.same_images,
            provider=wanted.provider,
            version=software_versions().get("lightline", ""),
            makers=makers,
        )


def plan_of(folder: RunFolder, wanted: Wanted, makers: Makers) -> Plan:
    """Return what is to be done.

    Raises
    ------
    RunStateError
        If the run goes on or has no windows, the set is complete, or nothing is missing.
    ConfigError
        If the name is taken by results of something else, or live rows cannot be taken over.
    BundleError
        If there is no such bundle, or it does not fit the instrument.
    """
    run, live = folder.run(), folder.results()
    if not run.state.ended:
        raise RunStateError(
            f"The run {run.id} is {run.state}; reprocess it when it has ended. After a crash, start the service once "
            "on its data folder: it closes the run."
        )
    bundle = makers.bundle(wanted.bundle or str(live.bundle_path()), run.instrument)
    transform = makers.transform(run.instrument, run.request.images)
    detector, images, _ = run.pipeline.rsplit("|", 2)
    same_images = images == transform.parameters
    if wanted.missing:
        _check_alike(run, bundle, live, same_images=same_images)
    events = _events_of(folder)
    pipeline = pipeline_text(detector, transform.parameters, bundle.contract.name, bundle.digest)
    named = COMPLETED if wanted.missing else f"{bundle.contract.name[:50]}-{bundle.digest[:8]}"
    detected = max(run.ledger.detected, len(events))
    gone = {NO_WINDOW: detected - len(events)} if detected > len(events) else {}
    begun = ResultSet(
        name=checked_set_name(wanted.name or named),
        run=run.id,
        instrument=run.instrument.name,
        scope=Scope.MISSING if wanted.missing else Scope.ALL,
        state=ResultState.UNFINISHED,
        pipeline=pipeline,
        pipeline_id=pipeline_id(pipeline, run.instrument),
        bundle=bundle.contract.name,
        bundle_digest=bundle.digest,
        stored_images=same_images,
        started_at=now_utc(),
        ledger=Ledger(detected=detected, dropped=gone, in_flight=len(events)),
        software=software_versions(),
    )
    if wanted.missing and not len(events) - _rows(live):
        raise RunStateError(f"Nothing is missing in the run {run.id}: every event with a stored window is settled.")
    about = _left(set_path(folder.path, begun.name), begun)
    inputs = tuple(spec.channel for spec in bundle.contract.inputs)
    return Plan(
        folder=folder,
        path=set_path(folder.path, about.name),
        about=about,
        bundle=bundle,
        inputs=inputs,
        channels=tuple(dict.fromkeys([transform.live_channels[0], *run.request.channels, *inputs])),
        same_images=same_images,
        events=events[events > about.last_event],
    )


def _check_alike(run: Run, bundle: BundleFile, live: Results, *, same_images: bool) -> None:
    """Check that new rows may stand beside the live ones."""
    if bundle.digest != run.bundle_digest:
        raise ConfigError(
            f"What is missing can only be answered by the run's own model, '{run.bundle}'; leave --bundle out, or "
            "leave --missing out to answer for everything."
        )
    if "mixture" in live.cells.columns():
        raise ConfigError(
            f"The clusters of the run {run.id} were fitted again while it ran, so answers given now would be by "
            "another mixture; leave --missing out to answer for everything by the bundle's own."
        )
    if not same_images:
        raise ConfigError(
            f"The run {run.id} was judged and measured in another way than this version does, so its rows cannot "
            "stand beside new ones; leave --missing out to answer for everything."
        )


def _left(path: Path, begun: ResultSet) -> ResultSet:
    """Return the set as an interrupted reprocessing left it, or as it begins."""
    if not (path / RESULT_JSON).is_file():
        return begun
    left = read_set(path)
    if (left.run, left.scope, left.pipeline_id) != (begun.run, begun.scope, begun.pipeline_id):
        raise ConfigError(
            f"The run has results '{begun.name}' already, made in another way by '{left.bundle}'; "
            "choose another --name."
        )
    if left.state is ResultState.DONE:
        raise SetComplete(f"The results '{begun.name}' are complete already; remove '{path}' to make them again.")
    return left


def _events_of(folder: RunFolder) -> npt.NDArray[np.uint64]:
    """Return the events whose windows are stored, in order."""
    events = np.unique(np.asarray(folder.event_places(["event_id"])["event_id"], np.uint64))
    if not len(events):
        raise RunStateError(f"The run {folder.run().id} has no stored windows, so nothing of it can be made again.")
    return events


def _rows(results: Results) -> int:
    return results.cells.snapshot().rows + results.rejected.snapshot().rows
