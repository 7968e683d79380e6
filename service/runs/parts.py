"""What a run is put together from."""

from __future__ import annotations

from dataclasses import dataclass

from acquisition.detection import Detector
from acquisition.recorder import Recorder
from acquisition.source import Source
from inference.dispatcher import Dispatcher
from reconstruction.transform import Transform
from service.runs.cluster_refit import ClusterRefit
from service.runs.drift_monitor import DriftMonitor
from service.runs.sorting import Sorter
from service.runs.stop_rules import StopRules
from service.store.run_folder import RunFolder


@dataclass(frozen=True)
class Parts:
    """The parts of a run; all of them open and warm."""

    source: Source
    detector: Detector
    transform: Transform
    dispatcher: Dispatcher
    folder: RunFolder
    recorder: Recorder | None
    channels: tuple[str, ...]
    """Images to be made of every event."""
    drift: DriftMonitor
    rules: StopRules
    refit: ClusterRefit | None
    """None where clusters are frozen."""
    sorter: Sorter | None
    """None where nobody sorts."""
