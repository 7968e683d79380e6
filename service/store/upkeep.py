"""What a service does for its data folder between runs: old ones go where that is asked for, and room is checked."""

from __future__ import annotations

import logging
from pathlib import Path

from service.audit import AuditLog
from service.clock import Stopwatch, utc
from service.store.catalogue import Catalogue
from service.store.disk_watch import DiskWatch, Watermarks
from service.store.retention import Retention, kept_runs, removals, remove

logger = logging.getLogger("lightline.storage")

_MOST_OFF_S = 600.0


class Upkeep:
    """The disk of a data folder, watched, and its runs, kept as long as is asked for.

    Parameters
    ----------
    data
        The data folder.
    marks
        When the disk is too full.
    retention
        Which runs may go.
    """

    def __init__(self, data: Path, marks: Watermarks | None = None, retention: Retention | None = None) -> None:
        self.disk = DiskWatch(data, marks or Watermarks())
        self._retention = retention or Retention()
        self._audit = AuditLog(data)
        self._watch = Stopwatch()

    def before_run(self, catalogue: Catalogue) -> None:
        """Take away what may go, and check that there is room; only for who has the data folder's lock.

        Raises
        ------
        StorageError
            If there is no room for another run, or an old one cannot be removed.
        """
        if self._retention.asks:
            self._prune(catalogue)
        self.disk.require_room()

    def _prune(self, catalogue: Catalogue) -> None:
        set_s = self._watch.clock_set_s()
        if abs(set_s) > _MOST_OFF_S:
            # Nobody knows how old a run is by a clock that was set since the service began.
            logger.warning(
                "The computer's clock was set; no run is removed until the service is started again.",
                extra={"what": "clock_set", "seconds": round(set_s)},
            )
            return
        for removal in removals(kept_runs(catalogue.root, catalogue.runs(), self._retention), self._retention, utc()):
            catalogue.forget(removal.run_id)
            remove(catalogue.root, removal, self._audit, "retention")
