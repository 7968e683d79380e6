"""What people call cells: a label an event, with who gave it and when, in one file of the run's folder."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.clock import now_utc
from service.errors import QueryError
from service.store.disk import append_durably

LABELS = "labels.jsonl"
COLUMN = "label"
LABEL = f'"{COLUMN}"'
MOST_LABELS = 1_000_000
MOST_AT_ONCE = 10_000

LabelName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$", description="A class, as people call it")]


class Labelling(BaseModel):
    """Events that somebody gave a label, one line of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    at: str
    """Host time, ISO 8601 UTC."""
    who: str
    """Whose token it was."""
    label: LabelName | None
    """None takes their labels away."""
    events: tuple[Annotated[int, Field(ge=1, lt=2**62)], ...]


class Labels:
    """The labels of a run, from any thread; a label is on disk before it is answered."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LABELS
        self._lock = threading.Lock()
        self._labels: dict[int, str] = {}
        self._changes = 0
        self._table: Any = None

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the labels of a run folder; a last line that a crash cut off is left out."""
        labels = cls(folder)
        if labels._path.is_file():
            for line in labels._path.read_bytes().splitlines():
                try:
                    labels._take(Labelling.model_validate_json(line))
                except ValidationError:
                    continue
        return labels

    @property
    def changes(self) -> int:
        """How often labels were given or taken away."""
        return self._changes

    def give(self, events: Sequence[int], label: str | None, who: str) -> None:
        """Give events a label, or take it away with None.

        Raises
        ------
        QueryError
            If there are too many.
        StorageError
            If the disk does not take it; then nothing is changed.
        """
        if not events:
            return
        if len(events) > MOST_AT_ONCE:
            raise QueryError(f"At most {MOST_AT_ONCE} cells are labelled at once; take fewer.")
        with self._lock:
            if label is not None and len(self._labels.keys() | set(events)) > MOST_LABELS:
                raise QueryError(f"A run has at most {MOST_LABELS} labels; take some away first.")
            line = Labelling(at=now_utc(), who=who, label=label, events=tuple(events))
            append_durably(self._path, json.dumps(line.model_dump()).encode() + b"\n")
            self._take(line)

    def of(self, event_id: int) -> str | None:
        """Return the label of an event, None if it has none."""
        return self._labels.get(event_id)

    def all(self) -> dict[int, str]:
        """Return the labels there are, by event."""
        with self._lock:
            return dict(self._labels)

    def counts(self) -> dict[str, int]:
        """Return how many cells have each label, by name."""
        return dict(sorted(Counter(self.all().values()).items()))

    def table(self) -> Any:
        """Return `event_id` and `label` as a `pyarrow.Table`."""
        with self._lock:
            if self._table is None:
                ids = np.fromiter(self._labels, np.uint64, len(self._labels))
                names = pa.array(list(self._labels.values()), pa.string())
                self._table = pa.table({"event_id": pa.array(ids), COLUMN: names})
            return self._table

    def _take(self, line: Labelling) -> None:
        if line.label is None:
            for event in line.events:
                self._labels.pop(event, None)
        else:
            self._labels.update(dict.fromkeys(line.events, line.label))
        self._table = None
        self._changes += 1
