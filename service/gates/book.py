"""The gates of one run, every version of each, in one file of its folder."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.clock import now_utc
from service.errors import QueryError, RunFolderError, StaleGate, UnknownGate
from service.gates.conditions import GateConditions
from service.gates.gate import MOST_GATES, Gate, GateName
from service.gates.where import ColumnKind
from service.store.disk import write_sealed

GATES_JSON = "gates.json"
MOST_VERSIONS = 20_000


class GateVersion(BaseModel):
    """A gate as it stood from one moment on."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: GateName
    version: Annotated[int, Field(ge=1)]
    """Counts the changes of the gate of this name, from 1."""
    changed_at: str
    """Host time, ISO 8601 UTC: a label."""
    gate: Gate | None
    """None where it was taken away."""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str = "lightline-gates/1"
    versions: tuple[GateVersion, ...] = ()


class GateBook:
    """Gates of a run, from any thread; a change is on disk before it is answered."""

    def __init__(self, folder: Path, versions: tuple[GateVersion, ...] = ()) -> None:
        self._path = folder / GATES_JSON
        self._versions = versions
        self._newest = _newest(versions)
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the gates of a run folder; none where it has no such file.

        Raises
        ------
        RunFolderError
            If the file is damaged.
        """
        try:
            return cls(folder, _File.model_validate_json((folder / GATES_JSON).read_bytes()).versions)
        except FileNotFoundError:
            return cls(folder)
        except (OSError, ValidationError) as error:
            first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise RunFolderError(f"The {GATES_JSON} of '{folder}' is damaged ({first}).") from None

    @property
    def changes(self) -> int:
        """How many versions of gates there were."""
        return len(self._versions)

    def newest(self) -> dict[str, GateVersion]:
        """Return the gates there are, by name, parents before those that lie in them."""
        return dict(self._newest)

    def history(self, name: str) -> list[GateVersion]:
        """Return every version of a gate, the oldest first.

        Raises
        ------
        UnknownGate
            If there never was such a gate.
        """
        found = [version for version in self._versions if version.name == name]
        if not found:
            raise UnknownGate(f"The run has no gate '{name[:64]}'; list its gates to see their names.")
        return found

    def conditions(self, columns: dict[str, ColumnKind] | None) -> GateConditions:
        """Return what gives the gates' conditions, as they stand."""
        return GateConditions(_gates(self.newest()), columns)

    def put(self, gates: list[Gate], columns: dict[str, ColumnKind] | None, expected: int | None = None) -> int:
        """Add gates or change those of the same names, all of them or none.

        Parameters
        ----------
        gates
            They may name each other.
        columns
            Columns of the run's cells, None before the first.
        expected
            Version that the first of them is thought to have, 0 for none; None for whichever.

        Returns
        -------
        int
            The new version of the first.

        Raises
        ------
        QueryError
            If one of them makes no sense, alone or with the others.
        StaleGate
            If it has another version than expected.
        StorageError
            If the disk does not take it.
        """
        with self._lock:
            now = self.newest()
            first = gates[0].name
            self._expect(first, expected)
            changed = [self._next(gate.name, gate) for gate in gates]
            wanted = _gates(now) | {gate.name: gate for gate in gates}
            if len(wanted) > MOST_GATES:
                raise QueryError(f"A run has at most {MOST_GATES} gates; take some away first.")
            conditions = GateConditions(wanted, columns)
            for name in wanted:
                conditions(name)
            self._save(changed)
            return changed[0].version

    def remove(self, name: str, expected: int | None = None) -> None:
        """Take a gate away; its versions are kept.

        Raises
        ------
        UnknownGate
            If there is no such gate.
        QueryError
            If another gate needs it.
        StaleGate, StorageError
            As for `put`.
        """
        with self._lock:
            left = _gates(self.newest())
            if left.pop(name, None) is None:
                raise UnknownGate(f"The run has no gate '{name[:64]}'; list its gates to see their names.")
            self._expect(name, expected)
            conditions = GateConditions(left, None)
            for other in left:
                try:
                    conditions(other)
                except QueryError:
                    raise QueryError(f"The gate '{other}' needs '{name}'; take that one away first.") from None
            self._save([self._next(name, None)])

    def _expect(self, name: str, expected: int | None) -> None:
        current = self.newest().get(name)
        version = 0 if current is None else current.version
        if expected is not None and expected != version:
            raise StaleGate(f"The gate '{name}' is at version {version}, not {expected}; look at it again first.")

    def _next(self, name: str, gate: Gate | None) -> GateVersion:
        known = sum(version.name == name for version in self._versions)
        return GateVersion(name=name, version=known + 1, changed_at=now_utc(), gate=gate)

    def _save(self, changed: list[GateVersion]) -> None:
        versions = (*self._versions, *changed)
        if len(versions) > MOST_VERSIONS:
            raise QueryError(f"The run's gates were changed {MOST_VERSIONS} times; copy the run to go on.")
        write_sealed(self._path, _File(versions=versions).model_dump_json(indent=1).encode())
        self._versions, self._newest = versions, _newest(versions)


def _newest(versions: tuple[GateVersion, ...]) -> dict[str, GateVersion]:
    newest = {version.name: version for version in versions}
    return {name: version for name, version in newest.items() if version.gate is not None}


def _gates(versions: dict[str, GateVersion]) -> dict[str, Gate]:
    return {name: version.gate for name, version in versions.items() if version.gate is not None}
