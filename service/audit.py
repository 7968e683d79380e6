"""A line for every change that was asked for, and for every run removed: who, from where, what, and what came of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from starlette.types import Scope

from service.clock import now_utc

AUDIT_LOG = "audit.log"
_MOST_BYTES = 16 << 20
logger = logging.getLogger("lightline.audit")


class AuditLog:
    """Appends to `audit.log` in the data folder, JSON lines; the file before is `audit.log.1`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / AUDIT_LOG

    def record(self, scope: Scope, status: int) -> None:
        """Write down a request over HTTP, and its answer."""
        client = scope.get("client") or ("", 0)
        line = {
            "who": scope.get("state", {}).get("who", ""),
            "from": client[0],
            "method": scope["method"],
            "path": scope["path"][:500],
            "status": status,
        }
        # What a route wants remembered beside.
        note = scope.get("state", {}).get("note")
        self.write(line if note is None else {**line, "note": note})

    def write(self, line: Mapping[str, object]) -> None:
        """Write one line; a disk that does not take it is told to the service's log, and what was asked for is done."""
        line = {"at": now_utc(), **line}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and self._path.stat().st_size > _MOST_BYTES:
                self._path.replace(self._path.with_name(f"{AUDIT_LOG}.1"))
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            logger.warning("the record of changes cannot be written (%s): %s", error, line)
