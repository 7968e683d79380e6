"""Several runs one after the other: what is asked for, and how far it is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from service.run import RunName, RunRequest

MOST_STEPS = 1000


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SequenceState(StrEnum):
    """Where a sequence stands: running <-> pausing -> done, failed, stopped or cancelled."""

    RUNNING = "running"
    """One of its runs is in progress, or is being armed."""
    PAUSING = "pausing"
    """The next run begins after the pause."""
    DONE = "done"
    FAILED = "failed"
    """A run could not be armed, or did not end as it was asked to; no other one was begun."""
    STOPPED = "stopped"
    """Somebody stopped one of its runs; no other one was begun."""
    CANCELLED = "cancelled"
    """Somebody cancelled it, or the service was closed; a run that was in progress went on."""

    @property
    def ended(self) -> bool:
        """Whether no other run will begin."""
        return self not in (SequenceState.RUNNING, SequenceState.PAUSING)


class SequenceRequest(_Record):
    """Runs to make one after the other."""

    name: RunName = ""
    """What people call the sequence."""
    runs: Annotated[tuple[RunRequest, ...], Field(min_length=1, max_length=MOST_STEPS)]
    """In this order; one that is held waits until it is told to start, for example while tubes are changed."""
    repeat: Annotated[int, Field(ge=1, le=MOST_STEPS)] = 1
    """How often all of them are made."""
    pause_s: Annotated[float, Field(ge=0, le=7 * 86400)] = 0.0
    """Seconds from the end of one run to the arming of the next."""

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if len(self.runs) * self.repeat > MOST_STEPS:
            raise ValueError(f"a sequence has at most {MOST_STEPS} runs in all")
        return self

    def steps(self) -> list[RunRequest]:
        """Return every run in its turn; the names of runs that are repeated say which time it is."""
        if self.repeat == 1:
            return list(self.runs)
        return [
            run.model_copy(update={"name": f"{run.name} ({turn} of {self.repeat})"}) if run.name else run
            for turn in range(1, self.repeat + 1)
            for run in self.runs
        ]


class SequenceStatus(_Record):
    """A sequence at one moment."""

    id: str
    name: str
    state: SequenceState
    steps: NonNegativeInt
    """Runs in all."""
    runs: tuple[str, ...] = ()
    """Ids of those that were begun, in their order."""
    next: str = ""
    """Name of the run that follows, otherwise its source; empty after the last. Where the sequence ended before its
    last run, the one that was not begun any more."""
    pause_s: float = 0.0
    error: str | None = None
    """Why it failed, in one sentence."""
