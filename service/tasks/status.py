"""What a task is, and how far it is."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt


class TaskKind(StrEnum):
    """What is to be made."""

    RESULTS = "results"
    """A result set: another model's answers, or those that are missing."""
    UMAP = "umap"
    """A UMAP of the embedding of a result set."""


class TaskState(StrEnum):
    """Where a task stands: running -> done, failed or cancelled."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """Somebody cancelled it, or the service was closed; what was sealed is kept."""


class TaskStatus(BaseModel):
    """A task at one moment."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    kind: TaskKind
    run: str
    """Id of the run."""
    results: str
    """The result set that is made, or whose cells are mapped."""
    state: TaskState
    unit: str
    """What is counted: events, or cells that have a place."""
    done: NonNegativeInt = 0
    total: NonNegativeInt = 0
    """0 while it is being prepared."""
    seconds: NonNegativeFloat = 0.0
    """Since it was asked for, up to its end."""
    error: str | None = None
    """Why it failed, in one sentence."""
