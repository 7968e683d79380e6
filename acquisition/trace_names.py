"""How the files of one recording are named: `trace-0001.h5`, `trace-0002.h5`; `blood.h5`, `blood-0002.h5`."""

from __future__ import annotations

import re
from pathlib import Path

_FIRST = "-0001"


def part_path(first: Path, part: int) -> Path:
    """Return the path of a file of the recording whose file number 1 is `first`."""
    return first if part == 1 else first.with_name(f"{_stem(first)}-{part:04}{first.suffix}")


def later_parts(first: Path) -> dict[int, Path]:
    """Return the files beside `first` that are named as if they went on from it, by number."""
    named = re.compile(rf"{re.escape(_stem(first))}-(\d{{4,}}){re.escape(first.suffix)}")
    found = {int(name[1]): path for path in first.parent.iterdir() if (name := named.fullmatch(path.name))}
    return {part: found[part] for part in sorted(found) if part > 1}


def _stem(first: Path) -> str:
    return first.stem.removesuffix(_FIRST)
