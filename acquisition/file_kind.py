"""Which kind of recording a file is, told by looking inside."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

import h5py

from acquisition.importers.recognise import foreign_scheme
from acquisition.source import existing_file


class FileKind(StrEnum):
    """The source scheme that opens an HDF5 file."""

    TRACE = "file"
    ATOM = "atom"
    UNKNOWN = ""


def kind_of(file: h5py.File) -> FileKind:
    """Tell a trace file from an ATOM record."""
    if "format" in file.attrs:
        return FileKind.TRACE
    if isinstance(file.get("raw"), h5py.Dataset) and "pulse_interval" in file.attrs:
        return FileKind.ATOM
    return FileKind.UNKNOWN


def guess_url(path: str) -> str:
    """Return the URL that `open_source` opens this recording with.

    A folder is opened as a recording that was cut into files. A file of no known kind is called a trace file, whose
    reader then says what is wrong with it.

    Raises
    ------
    TraceError
        If there is no such file.
    """
    if Path(path).expanduser().is_dir():
        return f"{FileKind.TRACE}:{quote(path)}"
    file = existing_file(path)
    scheme: str = FileKind.TRACE
    try:
        with h5py.File(file, "r", locking="best-effort") as opened:
            if kind_of(opened) is FileKind.ATOM:
                scheme = FileKind.ATOM
    except OSError:
        scheme = foreign_scheme(file) or FileKind.TRACE
    return f"{scheme}:{quote(str(file))}"
