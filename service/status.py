"""What the service is doing at one moment, as the API, the dashboard and the metrics show it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from acquisition.origin import Origin
from service.run import Ledger
from service.sequence import SequenceStatus


class _Snapshot(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ServiceState(StrEnum):
    """Where the service stands; `service.runs.states` says which state follows which."""

    IDLE = "idle"
    """Ready to start a run."""
    ARMING = "arming"
    """Opening the source, compiling kernels, warming the model."""
    ARMED = "armed"
    """All of that is done; the run waits to be told to start."""
    ACQUIRING = "acquiring"
    DRAINING = "draining"
    """No more samples are taken; what was detected is being finished."""
    ERROR = "error"
    """The last run did not end as it was asked to, and nobody has said that they know; ready to start a run."""
    CLOSED = "closed"


class Stage(StrEnum):
    """A part of an event's way; the first four add up to the last."""

    DETECT = "detect"
    """From the last sample of its window being in memory to found."""
    TRANSFORM = "transform"
    """To its images being given to the workers, the wait for other events and for room included."""
    INFER = "infer"
    """To answered; cells only."""
    STORE = "store"
    """To its rows being in the run folder, the wait for batches before it included."""
    TOTAL = "total"
    """From the last sample being in memory to stored."""


BUCKETS_S = (*(round(digit * 10.0**power, 4) for power in range(-4, 1) for digit in (1, 2, 5)), 10.0)
"""Upper ends of the buckets that `/metrics` counts latencies in, seconds."""


class Latency(_Snapshot):
    """How long the stored events of a run took in one stage; 0 before the first."""

    count: NonNegativeInt = 0
    """Events measured since the run began."""
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    p999_ms: float = 0.0
    """This and the other quantiles are to 6 %, over the whole run."""
    max_ms: float = 0.0
    max_event_id: NonNegativeInt = 0
    """The event that took longest."""
    sum_s: float = 0.0
    buckets: tuple[NonNegativeInt, ...] = (0,) * len(BUCKETS_S)
    """How many took at most 0.1, 0.2, 0.5, 1, ... ms, up to 10 s."""


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


class GateProgress(_Snapshot):
    """How far a run is that ends after so many cells in a gate."""

    gate: str
    cells: NonNegativeInt
    """Stored cells in it."""
    wanted: NonNegativeInt


class DiskStatus(_Snapshot):
    """The disk that runs are stored on."""

    free_bytes: NonNegativeInt
    written_bytes_per_s: float
    """How fast the free space went over the last minute, whoever took it."""
    warn_below_bytes: NonNegativeInt
    """The warning's mark, which is higher while much is written."""
    refuse_below_bytes: NonNegativeInt
    """With less, no run begins."""
    warning: bool
    """True while too little is free."""


class RefitStatus(_Snapshot):
    """Which mixture of a run gives the clusters, where they are fitted again to its cells."""

    mixture: NonNegativeInt = 0
    """As in the column `mixture` of the cells; 0 is the bundle's own."""
    cells: NonNegativeInt = 0
    """Cells that it was fitted to."""
    distance: tuple[float, ...] = ()
    """By cluster, Bhattacharyya distance from the mixture before."""
    refused: NonNegativeInt = 0
    """Fits that were not taken, because a cluster could not be told again."""
    reason: str = ""
    """Why the last one was not; empty where it was taken."""


class SortStatus(_Snapshot):
    """What a run published for those who sort its cells."""

    gate: str
    address: str
    """Where to subscribe."""
    subscribers: NonNegativeInt
    decided: NonNegativeInt
    """Events that a decision was published for."""
    selected: NonNegativeInt
    """Of them lie in the gate."""
    missed: NonNegativeInt
    """Messages that a subscriber missed because it was too slow."""
    refused: NonNegativeInt = 0
    """Connections refused because they had no key that is known."""
    latency: Latency
    """From the last sample of an event's window being in memory to its decision being sent."""


class OperatorStatus(_Snapshot):
    """Who has the controls."""

    name: str
    token: str
    """Name of the token that they are held with."""
    until: str
    """Host time when they are free if nothing is done with them until then, ISO 8601 UTC."""
    left_s: float
    """Seconds until then."""


class SinkStatus(_Snapshot):
    """How far the copying to a PostgreSQL server is."""

    address: str
    connected: bool = False
    behind_rows: NonNegativeInt = 0
    """Rows in sealed parts that are not known to be there yet."""
    copied_rows: NonNegativeInt = 0
    """Rows copied since the service started."""
    failures: NonNegativeInt = 0
    """Attempts that came to nothing since then."""
    error: str | None = None
    """Why the last one did; None where it went well."""


class ServiceStatus(_Snapshot):
    """A frozen snapshot; the ledger in it balances."""

    state: ServiceState
    error: str | None = None
    """In the state `error`, what went wrong, in one sentence."""
    operator: OperatorStatus | None = None
    """None where nobody holds the controls, and everybody whose token allows it may use them."""
    sequence: SequenceStatus | None = None
    """The sequence in progress, otherwise the last one; None before the first."""
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
    """By stage: detect, transform, infer, store, and total from the last sample in memory to stored."""
    queues: dict[str, QueueFill] = {}
    """By edge: blocks, events, batches (with the workers), answers (to be stored)."""
    workers: tuple[WorkerStatus, ...] = ()
    workers_refused: NonNegativeInt = 0
    """Connections of workers without a key that the service knows, since it first opened its address."""
    ledger: Ledger = Ledger()
    """Of that run."""
    workers_replaced: NonNegativeInt = 0
    """Processes of the service's own that had died."""
    batches_given_again: NonNegativeInt = 0
    """Because their worker was silent."""
    answers_ignored: NonNegativeInt = 0
    """Because the batch was answered already."""
    stop: GateProgress | None = None
    """None where the run has no rule with a gate."""
    sort: SortStatus | None = None
    """None where the run publishes no decisions."""
    drift: DriftStatus | None = None
    """None before the first window is full, and where the model does not say what ordinary cells look like."""
    refit: RefitStatus | None = None
    """None where clusters are the bundle's own all the time."""
    sink: SinkStatus | None = None
    """None where rows are not copied anywhere."""
    bundle: str = ""
    bundle_digest: str = ""
    provider: str = ""
    came_first: bool | None = None
    """Whether the stages of that run come before every other program on the processors; None where they need not, as
    its source waits for its reader."""
    address: str = ""
    """Where workers join."""
    disk: DiskStatus | None = None
    uptime_s: float = 0.0
