"""What the service is doing at one moment, as the API, the dashboard and the metrics show it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from acquisition.origin import Origin
from service.run import Ledger


class _Snapshot(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ServiceState(StrEnum):
    """Where the service stands: idle -> arming -> acquiring -> draining -> idle; closed for good from any of them."""

    IDLE = "idle"
    """Ready to start a run."""
    ARMING = "arming"
    """Opening the source, compiling kernels, warming the model."""
    ACQUIRING = "acquiring"
    DRAINING = "draining"
    """No more samples are taken; what was detected is being finished."""
    CLOSED = "closed"


class Latency(_Snapshot):
    """How long a stage took lately, over its last few thousand batches; 0 before the first."""

    count: NonNegativeInt
    """Batches measured since the run began."""
    p50_ms: float
    p99_ms: float
    max_ms: float
    """Longest since the run began."""
    max_event_id: NonNegativeInt
    """First event of the batch that took longest; 0 where the stage does not know events."""


class QueueFill(_Snapshot):
    """A bounded queue between two stages."""

    size: NonNegativeInt
    bound: NonNegativeInt
    policy: str
    """What happens at the bound: wait, or drop_newest (counted)."""


class WorkerStatus(_Snapshot):
    """An inference worker that has joined."""

    name: str
    provider: str
    """Execution provider that it really runs on; empty while it warms."""
    outstanding: NonNegativeInt
    """Batches that it holds."""
    answered: NonNegativeInt
    """Batches that it answered in this run."""
    silent_s: float
    """Seconds since it was last heard."""


class DriftStatus(_Snapshot):
    """How the last whole window of 500 cells compares with the run that the model was calibrated on."""

    alarm: bool
    """True where chance explains the difference in less than one window of a hundred: the instrument drifted, or the
    sample holds other shares of its kinds of cells."""
    axis: NonNegativeInt
    """The axis of the embedding that differs most."""
    distance: float
    """Largest difference of the two distribution functions on it."""
    p: float
    """Chance of such a difference on any axis if nothing had changed."""
    windows: NonNegativeInt
    """Windows compared since the run began."""
    alarms: NonNegativeInt
    """Of them raised the alarm."""


class ServiceStatus(_Snapshot):
    """A frozen snapshot; the ledger in it balances."""

    state: ServiceState
    run_id: str | None = None
    """The run in progress, otherwise the last one."""
    source: str = ""
    origin: Origin | None = None
    """Whether the samples of that run are measured, made from real images, or simulated; None before the first."""
    event_rate_hz: float = 0.0
    """Events detected per second over the last seconds."""
    cell_rate_hz: float = 0.0
    """Cells stored per second over the last seconds."""
    latency: dict[str, Latency] = {}
    """By stage: detect, transform, infer, store, and total from detection to stored."""
    queues: dict[str, QueueFill] = {}
    """By edge: blocks, events, batches."""
    workers: tuple[WorkerStatus, ...] = ()
    ledger: Ledger = Ledger()
    """Of that run."""
    batches_given_again: NonNegativeInt = 0
    """Because their worker was silent."""
    answers_ignored: NonNegativeInt = 0
    """Because the batch was answered already."""
    drift: DriftStatus | None = None
    """None before the first window is full, and where the model does not say what ordinary cells look like."""
    bundle: str = ""
    bundle_digest: str = ""
    provider: str = ""
    address: str = ""
    """Where workers join."""
    uptime_s: float = 0.0
