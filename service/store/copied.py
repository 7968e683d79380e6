"""What of a run folder a sink has: noted in the folder, so that whoever removes runs need not ask the sink."""

from __future__ import annotations

import json
from pathlib import Path

from service.store.disk import write_sealed
from service.store.run_files import RUN_JSON
from service.store.set_shelf import set_files
from service.store.tables.result_tables import TABLES

_FILE = "copied.json"
Signature = tuple[tuple[str, int], ...]


def signature(run_folder: Path) -> Signature:
    """Return what changes when there is something new to copy in a run folder; cheap to ask for."""
    places = [run_folder / RUN_JSON, *(run_folder / table for table in TABLES), *set_files(run_folder)]
    found = []
    for place in places:
        try:
            found.append((str(place.relative_to(run_folder)), place.stat().st_mtime_ns))
        except OSError:
            continue
    return tuple(found)


def note_copied(run_folder: Path, address: str, mark: Signature) -> None:
    """Note that a sink has everything that was in a run folder when it had this signature; raises `StorageError`."""
    write_sealed(run_folder / _FILE, json.dumps({"sink": address, "signature": mark}).encode())


def is_copied(run_folder: Path, address: str) -> bool:
    """Tell whether this sink has everything that is in a run folder now."""
    try:
        noted = json.loads((run_folder / _FILE).read_bytes())
    except (OSError, ValueError):
        return False
    now = [list(place) for place in signature(run_folder)]
    return isinstance(noted, dict) and noted == {"sink": address, "signature": now}
