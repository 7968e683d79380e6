"""Who answered for the events of a run: its own model while it flowed, or another one afterwards."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from acquisition.errors import ConfigError
from service.run import Ledger, Run, RunState

LIVE = "live"
"""Name of the set that every run has: what its own model said."""
NO_WINDOW = "no_window"
"""Why an event has no answer in a later set: it was lost before its window was stored."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Scope(StrEnum):
    """What a set was made of."""

    LIVE = "live"
    """The run's own model answered while cells flowed."""
    ALL = "all"
    """Every event whose window is stored was answered afterwards."""
    MISSING = "missing"
    """Rows of the live set were taken over, and events that had none were answered afterwards."""


class ResultState(StrEnum):
    """Whether more rows will come."""

    UNFINISHED = "unfinished"
    """It is being made, or was interrupted: the same command goes on with it."""
    DONE = "done"


class ResultSet(BaseModel):
    """A result set of a run, as `result.json` and the API show it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    format: str = "lightline-results/1"
    name: str
    run: str
    """Id of the run."""
    instrument: str = ""
    """Name of the run's instrument, for who has sets of many runs and not their folders; empty in older sets."""
    scope: Scope
    state: ResultState
    pipeline: str
    """Reversible identifiers of detector, transform and bundle, joined by '|'."""
    pipeline_id: str
    bundle: str
    bundle_digest: str
    provider: str = ""
    """The execution provider that inference really ran on."""
    stored_images: bool = True
    """Whether the images that the run stored are the ones that were judged; else they were made anew of the windows."""
    started_at: str
    """Host time, ISO 8601 UTC: a label."""
    ended_at: str | None = None
    ledger: Ledger
    """What became of the run's events in this set; `in_flight` are those that have not been reached yet, and
    `dropped: no_window` those of which nothing is on disk. That of the run itself does not change."""
    taken_over: NonNegativeInt = 0
    """Rows that are copies of the live set's."""
    last_event: NonNegativeInt = 0
    """Every event up to this one is settled and sealed."""
    software: dict[str, str] = {}
    """Versions of Lightline, Python, NumPy, Numba and ONNX Runtime."""

    @classmethod
    def of_run(cls, run: Run) -> Self:
        """Return what a run says of its live set."""
        return cls(
            name=LIVE,
            run=run.id,
            instrument=run.instrument.name,
            scope=Scope.LIVE,
            state=ResultState.DONE if run.state in (RunState.DONE, RunState.FAILED) else ResultState.UNFINISHED,
            pipeline=run.pipeline,
            pipeline_id=run.pipeline_id,
            bundle=run.bundle,
            bundle_digest=run.bundle_digest,
            provider=run.provider,
            started_at=run.started_at,
            ended_at=run.ended_at,
            ledger=run.ledger,
            software=run.software,
        )


def is_set_name(name: str) -> bool:
    """Tell whether a set beside the live one may have this name, so that nothing else ever becomes part of a path."""
    return name != LIVE and bool(_NAME.fullmatch(name))


def checked_set_name(name: str) -> str:
    """Return the name as it was given.

    Raises
    ------
    ConfigError
        If a new set may not be called so.
    """
    if not is_set_name(name):
        raise ConfigError(
            f"A result set cannot be called '{name[:70]}'; take up to 64 letters, digits, '.', '_' and '-', and not "
            f"'{LIVE}'."
        )
    return name
