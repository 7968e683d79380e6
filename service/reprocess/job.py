"""What a worker is told of a reprocessing, and what it gives back: both small enough to travel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from service.identity import software_versions
from service.result_set import Scope
from service.runs.arming import Makers

Events = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Job:
    """A result set that is being made, as every worker knows it.

    Attributes
    ----------
    key
        Tells it from every other.
    run
        Folder of the run, as workers see it.
    bundle
        File of the model, as workers see it.
    digest
        Of the model.
    pipeline
        Identifiers of detector, transform and model.
    scope
        Whether rows of the live set are taken over.
    inputs, channels, same_images
        As in `Plan`.
    provider
        `auto`, `cpu` or `cuda`.
    version
        Of Lightline, on the computer that asks.
    makers
        How model, transform and engine are found.
    """

    key: str
    run: Path
    bundle: Path
    digest: str
    pipeline: str
    scope: Scope
    inputs: tuple[str, ...]
    channels: tuple[str, ...]
    same_images: bool
    provider: str
    version: str
    makers: Makers


@dataclass(frozen=True)
class Settled:
    """A chunk whose events are settled.

    Attributes
    ----------
    events
        `(n,)` uint64, its events, in order.
    cells, rejected
        `pyarrow.Table` of their rows, ordered by event; None for none.
    dropped
        Cells without an answer.
    taken_over
        Rows that are copies of the live set's.
    provider
        Execution provider that the model really ran on; empty where it was not asked.
    """

    events: Events
    cells: Any
    rejected: Any
    dropped: int
    taken_over: int
    provider: str


def checked_version(version: str) -> None:
    """Check that this computer has the Lightline of the one that asks.

    Raises
    ------
    ConfigError
        If it has another, which might make other images.
    """
    mine = software_versions().get("lightline", "")
    if mine != version:
        raise ConfigError(
            f"A worker has Lightline {mine} where {version} is wanted, and might make other images; install the same "
            "version on every computer of the cluster."
        )
