"""Everything that is opened and warmed before a run takes its first sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from acquisition.block import Block
from acquisition.detection import Detector, detector_for
from acquisition.errors import LightlineError
from acquisition.instrument import Instrument
from acquisition.keeping import Keep
from acquisition.recorder import Recorder
from acquisition.source import Source, open_source
from inference.contract import Contract
from inference.dispatcher import Dispatcher
from inference.messages import Start
from inference.shipped import resolve_bundle
from inference.worker import EngineMaker, engine_maker
from reconstruction.transform import Transform, transform_for
from service.cell_rows import AnswerNames
from service.identity import new_run_id, now_utc, pipeline_id, pipeline_text, software_versions
from service.pipeline import Parts
from service.run import FinishReason, Record, Run, RunRequest, RunState
from service.run_files import TRACE
from service.run_folder import RunFolder

WARM_TIMEOUT_S = 120.0
_WARM_PERIODS = 2200
_WARM_CELL_UM = 8.0


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
    transform: Callable[[Instrument], Transform] = transform_for
    bundle: Callable[[str | None, Instrument], BundleFile] = resolve_bundle
    engine: Callable[[str], EngineMaker] = engine_maker
    """Given the provider that was asked for."""


@dataclass(frozen=True)
class Armed:
    """A run that is ready to acquire."""

    run: Run
    parts: Parts


def arm(request: RunRequest, root: Path, dispatcher: Dispatcher, sequence: int, makers: Makers) -> Armed:
    """Open the source, find the bundle, compile the kernels, warm the workers, and make the run folder.

    Raises
    ------
    LightlineError
        Whatever speaks against the run, in one sentence; everything opened is closed again.
    """
    options: dict[str, Any] = {} if request.speed is None else {"speed": request.speed}
    source = makers.source(request.source, **options)
    try:
        return _armed(request, root, dispatcher, sequence, makers, source)
    except BaseException:
        dispatcher.end(FinishReason.FAILED, {})
        source.close()
        raise


def _armed(
    request: RunRequest, root: Path, dispatcher: Dispatcher, sequence: int, makers: Makers, source: Source
) -> Armed:
    instrument = source.instrument
    bundle = makers.bundle(request.bundle, instrument)
    transform = makers.transform(instrument)
    detector = makers.detector(instrument)
    pipeline = pipeline_text(detector.parameters, transform.parameters, bundle.contract.name, bundle.digest)
    run_id = new_run_id()
    needed = tuple(spec.channel for spec in bundle.contract.inputs)
    start = Start(run_id, sequence, instrument.to_json(), pipeline, bundle.digest, bundle.to_bytes())
    dispatcher.begin(start, needed)
    # The kernels compile here while the workers warm their model.
    transform.warm()
    _warm_detection(makers.detector(instrument), instrument)
    dispatcher.wait_ready(WARM_TIMEOUT_S)
    run = Run(
        id=run_id,
        state=RunState.ARMED,
        request=request,
        source=source.description,
        origin=source.origin,
        instrument=instrument,
        pipeline=pipeline,
        pipeline_id=pipeline_id(pipeline, instrument),
        bundle=bundle.contract.name,
        bundle_digest=bundle.digest,
        provider=providers_of(dispatcher),
        started_at=now_utc(),
        software=software_versions(),
    )
    names = AnswerNames(bundle.contract.classes, bundle.contract.novelty.threshold)
    folder = RunFolder.create(root, run, names, bundle.to_bytes())
    channels = tuple(dict.fromkeys([*transform.flat_channels, *needed]))
    recorder = None if request.record is Record.NONE else _recorder(source, folder, run)
    return Armed(run, Parts(source, detector, transform, dispatcher, folder, recorder, channels))


def providers_of(dispatcher: Dispatcher) -> str:
    """Return the execution providers that workers really run on, joined where they differ."""
    return ", ".join(sorted({view.provider for view in dispatcher.workers() if view.provider}))


def _warm_detection(detector: Detector, instrument: Instrument) -> None:
    """Compile the detector's kernels on a made-up stream with one cell, with a detector that is thrown away."""
    optics = instrument.optics
    rate_hz = optics.line_rate_hz if optics.kind == "time_stretch" else optics.scan.rate_hz
    step_um = instrument.flow_speed_m_s * 1e6 / rate_hz
    n_periods = _WARM_PERIODS + round(3 * _WARM_CELL_UM / step_um)
    ticks = np.arange(round(n_periods * instrument.sample_rate_hz / rate_hz))
    turns = ticks * rate_hz / instrument.sample_rate_hz
    light = np.where(turns % 1.0 < 0.5, 0.5 * instrument.digitizer.highest, 0.0)
    inside = np.abs(turns - _WARM_PERIODS - _WARM_CELL_UM / step_um) < 0.5 * _WARM_CELL_UM / step_um
    light[inside & (turns % 0.25 < 0.15)] *= 0.5
    light += np.random.default_rng(0).integers(-2, 3, ticks.size)
    columns = np.repeat(light[:, None], len(instrument.channels), axis=1)
    samples = columns.astype(np.int8) if instrument.digitizer.dtype == np.int8 else columns.astype(np.int16)
    detector.push(Block(samples, first_sample=0))
    detector.flush()


def _recorder(source: Source, folder: RunFolder, run: Run) -> Recorder:
    recorder = Recorder(
        folder.path / TRACE,
        source.instrument,
        origin=source.origin,
        description=source.description,
        waits=source.waits,
        file_bytes=run.request.file_bytes,
        keep=Keep(run.request.record.value),
    )
    try:
        recorder.start()
    except LightlineError as error:
        failed = {"state": RunState.FAILED, "finish_reason": FinishReason.STORAGE, "error": str(error)}
        folder.save_run(run.model_copy(update={**failed, "ended_at": now_utc()}))
        folder.close()
        raise
    return recorder
