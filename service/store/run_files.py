"""The single files of a run folder: its description, its truth, its model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from service.errors import RunFolderError
from service.run import Run
from service.store.disk import write_sealed
from service.store.events.image_store import FILE_NAME as IMAGES
from service.store.events.window_store import FILE_NAME as WINDOWS

RUN_JSON = "run.json"
BUNDLE = "model.bundle"
TRACE = "trace-0001.h5"
TRUTH = "truth.parquet"
MIXTURES = "mixtures.json"
_TEXTS_AT_ONCE = 65_536


def run_folders(root: Path) -> list[Path]:
    """Return the folders under a root that have a `run.json`, the oldest run first."""
    return sorted(file.parent for file in root.glob(f"*/{RUN_JSON}"))


def read_run(path: Path) -> Run:
    """Read the `run.json` of a folder.

    Raises
    ------
    RunFolderError
        If it is missing or damaged.
    """
    try:
        return Run.model_validate_json((path / RUN_JSON).read_bytes())
    except FileNotFoundError:
        raise RunFolderError(f"The folder '{path}' is not a run: it has no {RUN_JSON}.") from None
    except (OSError, ValidationError) as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise RunFolderError(f"The {RUN_JSON} of '{path}' is damaged ({first}).") from None


class RunFile:
    """The `run.json` of a folder, read again only where it has changed; from any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: tuple[int, Run] | None = None

    def run(self) -> Run:
        """Return the run as it was last saved, also where the file is gone since it was read.

        Raises
        ------
        RunFolderError
            If it is missing or damaged.
        """
        try:
            changed_ns = (self.folder / RUN_JSON).stat().st_mtime_ns
        except FileNotFoundError:
            changed_ns = 0 if self._read is None else self._read[0]
        if self._read is None or self._read[0] != changed_ns:
            self._read = changed_ns, read_run(self.folder)
        return self._read[1]


def list_files(path: Path) -> dict[str, list[str]]:
    """Return the names of the files that are not tables, by part."""
    traces = sorted(file.name for file in path.glob("trace*.h5"))
    single = {"windows": WINDOWS, "images": IMAGES, "bundle": BUNDLE, "truth": TRUTH, "mixtures": MIXTURES}
    found = {part: [name] for part, name in single.items() if (path / name).is_file()}
    return {"trace": traces, **found} if traces else found


def write_truth(path: Path, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write `truth.parquet`; fixed bytes become text.

    Raises
    ------
    StorageError
        If the disk does not take it.
    """
    table = pa.table({name: _arrow_column(column) for name, column in columns.items()})
    write_sealed(path / TRUTH, partial(pq.write_table, table))


def _arrow_column(column: npt.NDArray[Any]) -> Any:
    if column.dtype.kind != "S":
        return pa.array(column)
    pieces = (column[first : first + _TEXTS_AT_ONCE].tolist() for first in range(0, len(column), _TEXTS_AT_ONCE))
    texts = (pa.array([text.decode("utf-8", "replace") for text in piece], pa.string()) for piece in pieces)
    return pa.chunked_array(texts, pa.string())
