"""Recordings that may be opened from elsewhere: found in the folders that the service allows."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import h5py

from acquisition.file_kind import FileKind, kind_of
from acquisition.importers.recognise import foreign_scheme
from acquisition.trace_layout import CHANNEL_GROUP, PART
from service.store.run_files import RUN_JSON, TRACE

MOST_RECORDINGS = 500
_MOST_FILES = 20_000
_DEEPEST = 4
_HDF5 = re.compile(r"\.h(df)?5", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that `open_source` can open.

    Attributes
    ----------
    url
        As `open_source` takes it.
    description
        What it says of itself, or its path in its folder.
    size_bytes
        Of the file, or of the first file of a recording that was cut.
    """

    url: str
    description: str
    size_bytes: int


class Recordings:
    """Recordings in some folders, from any thread; what a file is, is looked up once as long as it does not change.

    Parameters
    ----------
    folders
        Looked into down to the fourth level; links out of them are not followed.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._known: dict[tuple[Path, int, int], Recording | None] = {}

    def find(self) -> list[Recording]:
        """Return the recordings there are now, the newest first, at most 500."""
        with self._lock:
            known, found = self._known, list[tuple[int, Recording]]()
            self._known = {}
            for folder in self._folders:
                root = folder.resolve()
                for path, about in _files(root):
                    key = (path, about.st_mtime_ns, about.st_size)
                    self._known[key] = known[key] if key in known else _recording(path, root, about.st_size)
                    if (recording := self._known[key]) is not None:
                        found.append((about.st_mtime_ns, recording))
        found.sort(key=lambda pair: (-pair[0], pair[1].url))
        # One folder may lie in another.
        by_url = {recording.url: recording for _, recording in found}
        return list(by_url.values())[:MOST_RECORDINGS]


def _files(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Give the files in a folder that may be recordings, by path; what cannot be read is left out."""
    left = _MOST_FILES
    for at, folders, names in os.walk(root):
        here = Path(at)
        if len(here.relative_to(root).parts) >= _DEEPEST:
            folders.clear()
        if RUN_JSON in names:
            folders.clear()
            names = [name for name in names if name.startswith(Path(TRACE).stem)]
        folders.sort()
        for name in sorted(names):
            left -= 1
            if left < 0:
                return
            path = here / name
            try:
                if not path.is_symlink():
                    yield path, path.stat()
            except OSError:
                continue


def _recording(path: Path, root: Path, size_bytes: int) -> Recording | None:
    place = str(path.relative_to(root))
    if not _HDF5.fullmatch(path.suffix):
        scheme = foreign_scheme(path)
        return None if scheme is None else Recording(f"{scheme}:{quote(str(path))}", place, size_bytes)
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            kind = kind_of(file)
            # Of a recording that was cut into files, the first one opens all of them.
            is_recording = kind is FileKind.ATOM or (CHANNEL_GROUP in file and int(file.attrs.get(PART, 1)) == 1)
            text = str(file.attrs.get("description", ""))
    except (OSError, ValueError, TypeError):
        return None
    if not is_recording:
        return None
    return Recording(f"{kind.value}:{quote(str(path))}", f"{place}: {text}" if text else place, size_bytes)
