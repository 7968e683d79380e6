"""Everything that is opened and warmed before a run takes its first sample."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from acquisition.detection import Detector, detector_for
from acquisition.errors import LightlineError
from acquisition.instrument import Instrument
from acquisition.keeping import Keep
from acquisition.precedence import is_allowed
from acquisition.recorder import Recorder
from acquisition.source import Source, open_source
from inference.contract import Contract
from inference.dispatcher import Dispatcher
from inference.keys import ServiceKeys
from inference.messages import Start
from inference.shipped import resolve_bundle
from inference.worker import EngineMaker, engine_maker
from reconstruction.batch import blank_event, chosen_channels
from reconstruction.images import CellImages
from reconstruction.settings import ImageSettings
from reconstruction.transform import Transform, transform_for
from service.clock import now_utc
from service.errors import RunStateError
from service.gates.gate import Gate
from service.identity import new_run_id, pipeline_id, pipeline_text, software_versions
from service.run import FinishReason, Record, Run, RunRequest, RunState
from service.runs.cluster_refit import ClusterRefit, cluster_refit
from service.runs.drift_monitor import DriftMonitor
from service.runs.gating import RunGates, columns_of
from service.runs.parts import Parts
from service.runs.sorting import Sorter
from service.runs.stop_rules import StopRules
from service.runs.warming import period_ticks, warm
from service.store.run_files import TRACE
from service.store.run_folder import RunFolder
from service.store.tables.cell_rows import AnswerNames

WARM_TIMEOUT_S = 120.0
CLOSED = "The service is closed; start it again."


class BundleFile(Protocol):
    """What arming needs of a bundle."""

    @property
    def digest(self) -> str:
        """Identity of the model."""

    @property
    def contract(self) -> Contract:
        """What the model promises."""

    def to_bytes(self) -> bytes:
        """Return the file."""


@dataclass(frozen=True)
class Makers:
    """How the parts of a run are found; replaced where a stand-in takes the place of one."""

    source: Callable[..., Source] = open_source
    detector: Callable[[Instrument], Detector] = detector_for
    transform: Callable[[Instrument, ImageSettings], Transform] = transform_for
    bundle: Callable[[str | None, Instrument], BundleFile] = resolve_bundle
    engine: Callable[[str], EngineMaker] = engine_maker
    """Given the provider that was asked for."""


@dataclass(frozen=True)
class Site:
    """Where a run is armed: what the service has for all of its runs.

    Attributes
    ----------
    root
        Folder of the run folders.
    dispatcher
        Gives work to the workers.
    keys
        For decisions that other computers may read; None where the service has none.
    closing
        Set when the service ends: what is being armed is given up then.
    """

    root: Path
    dispatcher: Dispatcher
    keys: ServiceKeys | None
    closing: threading.Event

    def check_open(self) -> None:
        """Raise `RunStateError` if the service ends."""
        if self.closing.is_set():
            raise RunStateError(CLOSED)


@dataclass(frozen=True)
class Armed:
    """A run that is ready to acquire."""

    run: Run
    parts: Parts


def arm(request: RunRequest, gates: Sequence[Gate], site: Site, sequence: int, makers: Makers) -> Armed:
    """Open the source, find the bundle, compile the kernels, warm the workers, and make the run folder with its gates.

    Raises
    ------
    LightlineError
        Whatever speaks against the run, in one sentence, or that the service ends; everything opened is closed again.
    """
    options: dict[str, Any] = {} if request.speed is None else {"speed": request.speed}
    source = makers.source(request.source, **options)
    try:
        refit = cluster_refit(request, waits=source.waits)
        return _armed(request, gates, site, sequence, makers, source, refit)
    except BaseException:
        site.dispatcher.end(FinishReason.FAILED, {})
        source.close()
        raise


def begun_run(
    run_id: str,
    state: RunState,
    request: RunRequest,
    source: Source,
    pipeline: str,
    bundle: BundleFile,
    provider: str = "",
) -> Run:
    """Return the description of a run as it begins now, by this software."""
    return Run(
        id=run_id,
        state=state,
        request=request,
        source=source.description,
        origin=source.origin,
        instrument=source.instrument,
        pipeline=pipeline,
        pipeline_id=pipeline_id(pipeline, source.instrument),
        bundle=bundle.contract.name,
        bundle_digest=bundle.digest,
        provider=provider,
        started_at=now_utc(),
        software=software_versions(),
    )


def _armed(
    request: RunRequest,
    gates: Sequence[Gate],
    site: Site,
    sequence: int,
    makers: Makers,
    source: Source,
    refit: ClusterRefit | None,
) -> Armed:
    instrument, dispatcher = source.instrument, site.dispatcher
    bundle = makers.bundle(request.bundle, instrument)
    transform = makers.transform(instrument, request.images)
    asked = chosen_channels(request.channels, transform.live_channels, transform.channels)
    detector = makers.detector(instrument)
    pipeline = pipeline_text(detector.parameters, transform.parameters, bundle.contract.name, bundle.digest)
    run_id = new_run_id()
    needed = tuple(spec.channel for spec in bundle.contract.inputs)
    settings = request.images.model_dump_json()
    first = int(not source.waits and is_allowed())
    start = Start(run_id, sequence, instrument.to_json(), pipeline, bundle.digest, bundle.to_bytes(), settings, first)
    dispatcher.begin(start, needed)
    site.check_open()
    # The kernels compile here while the workers warm their model.
    warm(transform, makers.detector(instrument), instrument, site.closing)
    site.check_open()
    dispatcher.wait_ready(WARM_TIMEOUT_S)
    # What else can be made live is made again of the window where somebody looks at it.
    channels = tuple(dict.fromkeys([transform.live_channels[0], *asked, *needed]))
    begins_with = RunGates(gates, columns_of(transform, channels, bundle.contract, refit=refit is not None))
    rules = _rules(request, begins_with)
    sorter = _sorter(request, begins_with, run_id, site.keys)
    run = begun_run(run_id, RunState.ARMED, request, source, pipeline, bundle, providers_of(dispatcher))
    try:
        site.check_open()
        folder = RunFolder.create(site.root, run, AnswerNames.of(bundle.contract), bundle.to_bytes())
        blank = transform.images([blank_event(instrument, period_ticks(instrument))], channels)
        recorder = _furnished(folder, run, source, begins_with, blank)
    except BaseException:
        if sorter is not None:
            sorter.close()
        raise
    parts = Parts(
        source=source,
        detector=detector,
        transform=transform,
        dispatcher=dispatcher,
        folder=folder,
        recorder=recorder,
        channels=channels,
        drift=DriftMonitor(bundle.contract.drift),
        rules=rules,
        refit=refit,
        sorter=sorter,
    )
    return Armed(run, parts)


def _rules(request: RunRequest, gates: RunGates) -> StopRules:
    if request.stop is None:
        return StopRules(request.cells)
    return StopRules(request.cells, gates.live(request.stop.gate), request.stop.cells)


def _sorter(request: RunRequest, gates: RunGates, run_id: str, keys: ServiceKeys | None) -> Sorter | None:
    if request.sort is None:
        return None
    return Sorter(run_id, gates.live(request.sort.gate), request.sort.address, keys)


def providers_of(dispatcher: Dispatcher) -> str:
    """Return the execution providers that workers really run on, joined where they differ."""
    return ", ".join(sorted({view.provider for view in dispatcher.workers() if view.provider}))


def _furnished(folder: RunFolder, run: Run, source: Source, gates: RunGates, blank: CellImages) -> Recorder | None:
    """Make the files of a new folder, put the gates into it and begin its recording, where there is to be one."""
    try:
        folder.prepare(blank, source.instrument.digitizer.dtype)
        if gates.gates:
            folder.gates.put(gates.gates, gates.columns)
        if run.request.record is Record.NONE:
            return None
        recorder = Recorder(
            folder.path / TRACE,
            source.instrument,
            origin=source.origin,
            description=source.description,
            waits=source.waits,
            file_bytes=run.request.file_bytes,
            keep=Keep(run.request.record.value),
        )
        recorder.start()
    except LightlineError as error:
        failed = {"state": RunState.FAILED, "finish_reason": FinishReason.STORAGE, "error": str(error)}
        folder.save_run(run.model_copy(update={**failed, "ended_at": now_utc()}))
        folder.close()
        raise
    return recorder
