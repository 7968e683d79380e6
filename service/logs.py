"""What matters in the life of a service, as lines of text for people or of JSON for programs; standard logging only.

Whoever has something to say says it with `logging`, and puts what programs look for into `extra`: `what` (the name of
the occurrence), `run`, `event`, `stage`, counts. Lines are written by a thread of their own, so that a terminal or a
disk that does not take them never holds up a sample.
"""

from __future__ import annotations

import json
import logging
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

from service.errors import StorageError

FILE_BYTES, FILES_BEFORE = 16 << 20, 4
"""A log file is at most so large, and so many before it are kept."""
_MOST_WAITING = 10_000
_PATIENCE_S = 1.0
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LogForm(StrEnum):
    """What the lines on stderr are."""

    TEXT = "text"
    JSON = "json"


def _at(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def record_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return a record as what `record_of` makes it again of, in another process."""
    fields = {"name": record.name, "levelno": record.levelno, "levelname": record.levelname, "created": record.created}
    fields |= {"msg": record.getMessage(), **_fields(record)}
    if record.exc_info:
        fields["exc_text"] = logging.Formatter().formatException(record.exc_info)
    return fields


def record_of(fields: dict[str, Any]) -> logging.LogRecord:
    """Return the record that `record_fields` tells of."""
    return logging.makeLogRecord(fields)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """Return the traceback of a record, which has it as text where it comes from another process."""
    return formatter.formatException(record.exc_info) if record.exc_info else record.exc_text or ""


class JsonLines(logging.Formatter):
    """One JSON object a line: `at`, `level`, `from`, `message`, then what the record says in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback is the field `traceback`."""
        line = {"at": _at(record), "level": record.levelname.lower(), "from": record.name}
        line |= {"message": record.getMessage(), **_fields(record)}
        if traceback := _traceback(self, record):
            line["traceback"] = traceback
        return json.dumps(line, default=str, ensure_ascii=False)


class TextLines(logging.Formatter):
    """Time, level and sentence; then the fields that the sentence may not say."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback after it."""
        fields = "".join(f" {key}={value}" for key, value in _fields(record).items() if value != "")
        text = f"{_at(record)} {record.levelname.lower()} {record.getMessage()}{fields}"
        traceback = _traceback(self, record)
        return f"{text}\n{traceback}" if traceback else text


class _Screen(logging.StreamHandler[TextIO]):
    """Stderr; a status line that is being written over there gives way."""

    def __init__(self, form: LogForm) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(JsonLines() if form is LogForm.JSON else TextLines())

    def format(self, record: logging.LogRecord) -> str:
        clear = "\r\x1b[K" if self.stream.isatty() else ""
        return clear + super().format(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Go on where the terminal is gone."""


class _File(RotatingFileHandler):
    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=FILES_BEFORE, encoding="utf-8")
        self.setFormatter(JsonLines())

    def handleError(self, record: logging.LogRecord) -> None:
        """Go on where the disk is full; the run says so itself."""


class LogWriter(logging.Handler):
    """Takes records at once, and lets a thread of its own write them; what it has no room for is counted."""

    def __init__(self, *writers: logging.Handler) -> None:
        super().__init__()
        self.left_out = 0
        self._writers = writers
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._write, name="log-writer", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self.left_out += 1

    def close(self) -> None:
        """Write what was taken, within a second."""
        try:
            self._records.put(None, timeout=_PATIENCE_S)
            self._thread.join(_PATIENCE_S)
        except queue.Full:
            # Nobody reads the terminal, and nobody will.
            pass
        if not self._thread.is_alive():
            for writer in self._writers:
                writer.close()
        super().close()

    def _write(self) -> None:
        while (record := self._records.get()) is not None:
            for writer in self._writers:
                writer.handle(record)


@contextmanager
def logging_to(form: LogForm, file: Path | None = None) -> Iterator[None]:
    """Write log lines to stderr, and to a file of bounded size, until the end of the block.

    Parameters
    ----------
    form
        What lines on stderr are; those in the file are JSON.
    file
        The files before it are `FILE.1` to `FILE.4`.

    Raises
    ------
    StorageError
        If the file cannot be written to.
    """
    writers: list[logging.Handler] = [_Screen(form)]
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            writers.append(_File(file))
    except OSError as error:
        raise StorageError(
            f"The log file '{file}' cannot be written to ({error.strerror}); choose another with --log-file."
        ) from None
    handler, ours, everybody = LogWriter(*writers), logging.getLogger("lightline"), logging.getLogger()
    level = ours.level
    ours.setLevel(logging.INFO)
    everybody.addHandler(handler)
    try:
        yield
    finally:
        everybody.removeHandler(handler)
        ours.setLevel(level)
        handler.close()
