"""What dispatcher and workers say to each other, as values; `wire` turns them into frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from inference.results import CellResults

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Ready:
    """Worker: give me work; also the first word of a worker that joins.

    Attributes
    ----------
    worker
        Name for people.
    provider
        Execution provider that the run's model really runs on; empty before a run.
    credit
        Batches it may hold at a time; 0 while it joins.
    run
        The run whose model is warm; empty while it joins.
    windows
        1 if it can make images of raw windows itself.
    """

    worker: str
    provider: str = ""
    credit: int = 0
    run: str = ""
    windows: int = 0


@dataclass(frozen=True)
class Answers:
    """Worker: what the model says of a batch; gives one credit back."""

    run: str
    batch: int
    results: CellResults


@dataclass(frozen=True)
class Failed:
    """Worker: a batch could not be answered; batch 0: the run's model could not be made ready."""

    run: str
    batch: int
    reason: str


@dataclass(frozen=True)
class Heartbeat:
    """Worker: I live; and the dispatcher's echo of it."""

    run: str = ""


@dataclass(frozen=True)
class Start:
    """Dispatcher: a run begins; everything a worker needs is in here.

    Attributes
    ----------
    sequence
        Counts the runs of this dispatcher from 1.
    instrument
        JSON of the `Instrument`.
    pipeline
        How the images are made.
    bundle_digest, bundle
        Identity and bytes of the model.
    images
        JSON of the `ImageSettings`.
    first
        1 if samples are lost where the run comes late: its workers come first on the processors, where they may.
    """

    run: str
    sequence: int
    instrument: str
    pipeline: str
    bundle_digest: str
    bundle: bytes = field(repr=False)
    images: str = "{}"
    first: int = 0


@dataclass(frozen=True)
class Batch:
    """Dispatcher: cells to answer for.

    Attributes
    ----------
    batch
        Counts the batches of the run from 1.
    event_id
        `(n,)` uint64.
    images
        By channel, `(n, ...)` float32.
    """

    run: str
    batch: int
    event_id: npt.NDArray[np.uint64]
    images: Mapping[str, Array]

    @property
    def first_event(self) -> int:
        """Smallest event id."""
        return int(self.event_id[0])

    @property
    def last_event(self) -> int:
        """Largest event id."""
        return int(self.event_id[-1])


@dataclass(frozen=True)
class Windows:
    """Dispatcher: cells to answer for, whose images the worker makes of their windows, as that is less to send.

    Attributes
    ----------
    batch
        As in `Batch`.
    channels
        Names of the images to answer on, with commas between.
    events
        The cells, as detection gave them.
    """

    run: str
    batch: int
    channels: str
    events: tuple[Event, ...]


@dataclass(frozen=True)
class End:
    """Dispatcher: the run is over, why, and what became of its events."""

    run: str
    reason: str
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Stop:
    """Dispatcher: go home."""


Message = Ready | Answers | Failed | Heartbeat | Start | Batch | Windows | End | Stop
