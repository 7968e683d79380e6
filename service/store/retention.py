"""Which runs of a data folder may go, and taking them away whole."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from service.audit import AuditLog
from service.run import Run
from service.store.copied import is_copied
from service.store.disk import storage_errors
from service.store.labels import LABELS
from service.store.use import unused

logger = logging.getLogger("lightline.storage")

PINNED = "pinned"
"""A file of this name in a run folder keeps the run for good."""
REMOVING = "removing"
"""Where runs are while their files are deleted; what a crash left there goes the next time."""
NOT_COPIED = "not copied"


@dataclass(frozen=True)
class Retention:
    """How long runs are kept; without either limit, for good.

    Attributes
    ----------
    days
        Runs that ended longer ago may go; None for no limit.
    most_bytes
        The oldest may go until the rest takes no more; None for no limit.
    labelled
        Whether runs may go in which people labelled cells.
    sink
        Address of the sink that must have all of a run before it may go; None where there is none, or it need not.
    """

    days: float | None = None
    most_bytes: int | None = None
    labelled: bool = False
    sink: str | None = None

    @property
    def asks(self) -> bool:
        """Whether there is a limit at all."""
        return self.days is not None or self.most_bytes is not None


@dataclass(frozen=True)
class Kept:
    """A run as it lies on the disk."""

    run: Run
    n_bytes: int
    protected: str
    """Why it may not go in any case: `live`, `pinned`, `in use`, `labelled`, `not copied`; empty if it may."""


@dataclass(frozen=True)
class Removal:
    """A run that may go, and why."""

    run_id: str
    n_bytes: int
    why: str


def kept_runs(root: Path, runs: Iterable[Run], retention: Retention) -> list[Kept]:
    """Return what the runs under a root take, the oldest first."""
    found = []
    for run in sorted(runs, key=lambda one: one.id):
        path = root / run.id
        found.append(Kept(run, _size(path), _protection(path, run, retention)))
    return found


def removals(kept: Sequence[Kept], retention: Retention, now: datetime) -> list[Removal]:
    """Return which runs may go: those that are too old, then the oldest of the rest until they fit.

    A run without the time of its end, or whose end lies ahead of `now`, has no age.
    """
    going: list[Removal] = []
    for one in kept:
        age = _age(one.run, now)
        if not one.protected and retention.days is not None and age > timedelta(days=retention.days):
            going.append(Removal(one.run.id, one.n_bytes, f"it ended more than {retention.days:g} days ago"))
    if retention.most_bytes is not None:
        gone = {removal.run_id for removal in going}
        left = sum(one.n_bytes for one in kept if one.run.id not in gone)
        for one in kept:
            if left <= retention.most_bytes:
                break
            if not one.protected and one.run.id not in gone:
                going.append(Removal(one.run.id, one.n_bytes, f"runs took more than {retention.most_bytes} bytes"))
                left -= one.n_bytes
    return going


def waiting(kept: Sequence[Kept], retention: Retention, now: datetime) -> list[Removal]:
    """Return which runs only wait for the sink to have them."""
    freed = [replace(one, protected="") if one.protected == NOT_COPIED else one for one in kept]
    held = {one.run.id for one in kept if one.protected == NOT_COPIED}
    return [removal for removal in removals(freed, retention, now) if removal.run_id in held]


def remove(root: Path, removal: Removal, audit: AuditLog, who: str) -> bool:
    """Take a run away, whole or not at all, and write down who did it and why.

    Returns
    -------
    bool
        False if it stays, because somebody has begun to use it since.

    Raises
    ------
    StorageError
        If the disk does not let it go.
    """
    bin_ = root.parent / REMOVING
    with storage_errors(root):
        with unused(root / removal.run_id) as may_go:
            if not may_go:
                return False
            bin_.mkdir(exist_ok=True)
            (root / removal.run_id).rename(bin_ / removal.run_id)
        audit.write({"who": who, "removed": removal.run_id, "bytes": removal.n_bytes, "why": removal.why})
        shutil.rmtree(bin_)
    fields = {"what": "run_removed", "run": removal.run_id, "bytes": removal.n_bytes}
    logger.info(f"A run was removed: {removal.why}.", extra=fields)
    return True


def _protection(path: Path, run: Run, retention: Retention) -> str:
    if not run.state.ended:
        return "live"
    if (path / PINNED).exists():
        return "pinned"
    with unused(path) as may_go:
        if not may_go:
            return "in use"
    if not retention.labelled and (path / LABELS).exists():
        return "labelled"
    return NOT_COPIED if retention.sink is not None and not is_copied(path, retention.sink) else ""


def _size(path: Path) -> int:
    n_bytes = 0
    for file in path.rglob("*"):
        # Files of a run in progress come and go.
        with contextlib.suppress(FileNotFoundError):
            n_bytes += file.stat().st_size if file.is_file() else 0
    return n_bytes


def _age(run: Run, now: datetime) -> timedelta:
    return now - datetime.fromisoformat(run.ended_at) if run.ended_at else timedelta()
