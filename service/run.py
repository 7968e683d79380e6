"""One acquisition from arm to end: what is asked for, what it is, and what became of every event and sample."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.trace_files import FILE_BYTES, LEAST_FILE_BYTES
from reconstruction.settings import ImageSettings
from service.gates.gate import MOST_GATES, Gate, GateName


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class RunState(StrEnum):
    """Where a run stands; `service.runs.states` says which state follows which."""

    ARMED = "armed"
    """Source open, kernels and model warm, nothing taken yet."""
    ACQUIRING = "acquiring"
    DRAINING = "draining"
    """No more samples are taken; what was detected is being finished."""
    DONE = "done"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether the run stays in this state."""
        return self in (RunState.DONE, RunState.FAILED)


class FinishReason(StrEnum):
    """Why a run took no more samples."""

    SOURCE_ENDED = "source_ended"
    TARGET_REACHED = "target_reached"
    """The number of cells or seconds asked for."""
    GATE_REACHED = "gate_reached"
    """The number of cells asked for in a gate."""
    STOPPED = "stopped"
    """Someone asked."""
    OVERRUN = "overrun"
    """The digitizer overran, and was not to be started again, or overran again at once."""
    SOURCE_LOST = "source_lost"
    STORAGE = "storage"
    """The disk could not take any more."""
    FAILED = "failed"


class DropReason(StrEnum):
    """Why an event was lost after it was detected."""

    QUEUE_FULL = "queue_full"
    """A live source went on while the line was full."""
    INFERENCE = "inference"
    """No worker could answer."""
    STORAGE = "storage"
    """The disk could not take it."""
    ABANDONED = "abandoned"
    """The service was closed before it could be finished."""
    FAILED = "failed"
    """A fault in the service ended the run."""
    CRASH = "crash"
    """The service was killed before it was stored."""
    DEFERRED = "deferred"
    """Nobody was to answer yet: the events of a recording that `lightline reprocess` was given."""


class Record(StrEnum):
    """What of the raw stream is kept in the run folder."""

    NONE = "none"
    FULL = "full"
    """Every sample."""
    WINDOWS = "windows"
    """The windows of events with a margin; a replay finds the same events in them."""

    @classmethod
    def _missing_(cls, value: object) -> Record | None:
        # Requests of before there was a choice say true or false.
        return {True: cls.FULL, False: cls.NONE}.get(value) if isinstance(value, bool) else None


RunName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{0,128}$")]


class GateStop(_Record):
    """Enough cells of one kind."""

    gate: GateName
    """One of the gates that the run begins with; what becomes of it during the run does not move the rule."""
    cells: Annotated[int, Field(ge=1, le=10**9)]
    """Stop once so many stored cells lie in it."""


class SortRequest(_Record):
    """Decisions about every event, for a program that sorts cells."""

    gate: GateName
    """One of the gates that the run begins with; cells in it, as it was then, are to be sorted."""
    address: str = Field(default="tcp://127.0.0.1:5560", max_length=256)
    """Where decisions are published, on this computer; with the port `*` the status says which one was free."""


class RunRequest(_Record):
    """What to acquire, and when to stop."""

    name: RunName = ""
    """What people call the run, for example its sample."""
    source: str = Field(default="sim:sheet-ci", max_length=1024)
    """URL of the source, for example `sim:sheet-ci`, `atom:PATH`, or the path of a trace file."""
    cells: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """Stop after this many stored cells; None means no limit."""
    seconds: Annotated[float, Field(gt=0, le=10**7)] | None = None
    """Stop after this much time on the sample clock; None means no limit."""
    stop: GateStop | None = None
    """Stop after enough cells in a gate; None means no such rule. The first of all rules that holds ends the run."""
    gates: Annotated[tuple[Gate, ...], Field(max_length=MOST_GATES)] = ()
    """Gates that the run begins with; they may name each other."""
    gates_from: str | None = Field(default=None, max_length=64)
    """Instead of `gates`: the id of a run, whose gates as they now stand are copied."""
    sort: SortRequest | None = None
    """Publish for every event whether it lies in a gate; None publishes nothing."""
    record: Record = Record.NONE
    """What of the raw stream is kept in the run folder, as trace files; true means `full`, false `none`."""
    file_bytes: Annotated[int, Field(ge=LEAST_FILE_BYTES, le=10**15)] = FILE_BYTES
    """Where a trace file of the recording would pass this many bytes, the recording goes on in the next file."""
    bundle: str | None = Field(default=None, max_length=1024)
    """Name of a shipped bundle or path of a bundle file; None takes the one shipped for the instrument."""
    refit: bool = False
    """Fit the clusters again to the run's own cells as they flow, each staying who it is; false keeps the bundle's."""
    refit_cells: Annotated[int, Field(ge=500, le=10**6)] = 2000
    """Cells from one fit to the next."""
    restarts: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """How often a digitizer that overran is started again; None means as often as it gives samples for a second."""
    speed: Annotated[float, Field(gt=0)] | None = None
    """Pace of a recording or simulation against real time; None means as fast as it is consumed."""
    images: ImageSettings = ImageSettings()
    """How events become images, and when they are cells."""
    hold: bool = False
    """Stay armed, with everything open and warm and nothing read, until the run is told to start."""
    channels: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=32)] = ()
    """Images to make and measure beside the one that objects are found in and those that the model looks at, for
    example `phase`; flat ones are stored."""

    @model_validator(mode="after")
    def _gates_of_one_kind(self) -> Self:
        if self.gates and self.gates_from is not None:
            raise ValueError("a run begins with gates of its own, or with those of another run, not with both")
        return self


class Ledger(_Record):
    """What became of every event and sample; the balance holds at every moment.

    `detected = stored + rejected + dropped + in_flight`; `lost` samples were never seen, so never in an event.
    """

    detected: NonNegativeInt = 0
    stored: NonNegativeInt = 0
    """Cells with an answer in the run folder."""
    rejected: dict[str, NonNegativeInt] = {}
    """Events that cannot be judged, by `Rejection`; kept in the run folder without an answer."""
    dropped: dict[str, NonNegativeInt] = {}
    """Events that were lost after detection, by reason."""
    in_flight: NonNegativeInt = 0
    samples: NonNegativeInt = 0
    """Samples per channel received."""
    samples_lost: NonNegativeInt = 0
    """Samples per channel that the source says it lost."""
    samples_omitted: NonNegativeInt = 0
    """Samples per channel that a recording of event windows left out by choice; they are not lost."""
    recorded: NonNegativeInt = 0
    """Samples per channel that the run's own recording holds."""
    left_out: NonNegativeInt = 0
    """Samples per channel that the run's own recording left out by choice."""
    unrecorded: NonNegativeInt = 0
    """Samples per channel that should be in the run's own recording and are not: a slow or full disk, or a crash."""
    losses_of_unknown_size: NonNegativeInt = 0
    samples_repeated: NonNegativeInt = 0
    """Samples per channel that the source gave a second time; they are left out."""
    overruns: NonNegativeInt = 0
    """Times the digitizer stopped because it was not read in time; each that the run went on after is also a loss of
    unknown size."""

    @model_validator(mode="after")
    def _balanced(self) -> Self:
        accounted = self.stored + sum(self.rejected.values()) + sum(self.dropped.values()) + self.in_flight
        if self.detected != accounted:
            raise ValueError(f"the ledger does not balance: {self.detected} detected, {accounted} accounted for")
        return self


class Run(_Record):
    """One acquisition as `run.json` and the API show it."""

    format: str = "lightline-run/1"
    id: str
    """Sortable: start time and a random part, safe as a file name."""
    state: RunState
    finish_reason: FinishReason | None = None
    error: str | None = None
    """One sentence, where something went wrong."""
    request: RunRequest
    source: str
    """What the source says it is."""
    origin: Origin
    """Whether the samples are measured, made from real images, or simulated, now or when they were recorded."""
    instrument: Instrument
    pipeline: str
    """Reversible identifiers of detector, transform and bundle, joined by '|'."""
    pipeline_id: str
    """First 16 hexadecimal digits of the SHA-256 of `pipeline` and the instrument."""
    bundle: str
    bundle_digest: str
    provider: str
    """The execution provider that inference really ran on."""
    started_at: str
    """Host time when it was told to take samples, until then when it was armed; ISO 8601 UTC: a label."""
    ended_at: str | None = None
    lasted_s: Annotated[float, Field(ge=0)] | None = None
    """Seconds from the first sample asked for to the last file closed, by a clock that nobody sets; None while it goes
    on, and after a crash."""
    clock_set_s: float = 0.0
    """How far the host's clock was set meanwhile, seconds; `started_at` and `ended_at` are then that far apart."""
    ledger: Ledger = Ledger()
    files: dict[str, list[str]] = {}
    """File names in the run folder by part: trace, windows, images, cells, rejected, truth."""
    truth: dict[str, Any] | None = None
    """Where the source knows the true cells: how many, and what became of them."""
    software: dict[str, str] = {}
    """Versions of Lightline, Python, NumPy, Numba and ONNX Runtime."""


def newest_first(runs: Iterable[Run]) -> list[Run]:
    """Return runs by when they were armed, which their ids begin with."""
    return sorted(runs, key=lambda run: run.id, reverse=True)
