"""Which foreign format a file has, told by its first bytes and what stands beside it."""

from __future__ import annotations

import re
from pathlib import Path

_SIGMF = (".sigmf-meta", ".sigmf-data")
_SBENCH6_HEADER = "_binheader.txt"
_WAVEDUMP = re.compile(r"wave\d+\.dat")
_LECROY_MARK = b"WAVEDESC"
_LECROY_MARK_WITHIN = 50
_TDMS_MARK = b"TDSm"
_NEVER_RAW = (".h5", ".hdf5")
"""A damaged trace is not to be taken for raw samples because of a JSON file beside it."""


def sbench6_header_of(path: Path) -> Path:
    """Return the header file of an SBench6 export, which may be named itself."""
    if path.name.endswith(_SBENCH6_HEADER):
        return path
    return path.with_name(path.stem + _SBENCH6_HEADER)


def foreign_scheme(path: Path) -> str | None:
    """Return the scheme that opens a file; None if it has none of the foreign formats."""
    if path.suffix in _SIGMF:
        return "sigmf"
    if sbench6_header_of(path).is_file():
        return "sbench6"
    try:
        with path.open("rb") as file:
            beginning = file.read(_LECROY_MARK_WITHIN)
    except OSError:
        return None
    if _LECROY_MARK in beginning:
        return "lecroy"
    if beginning.startswith(_TDMS_MARK):
        return "tdms"
    if _WAVEDUMP.fullmatch(path.name):
        return "wavedump"
    if path.suffix.lower() in _NEVER_RAW:
        return None
    beside = (path.with_name(path.name + ".json"), path.with_suffix(".json"))
    return "raw" if any(file != path and file.is_file() for file in beside) else None
