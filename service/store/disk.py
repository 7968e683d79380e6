"""Writing where the disk may be full: room is asked for first, and every failure becomes one sentence."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from acquisition.disk import explain
from service.errors import StorageError

RESERVE_BYTES = 32 << 20
"""Kept free for what closes a run: the last table parts, `run.json` and the files' own indexes."""


def require_room(folder: Path, n_bytes: int) -> None:
    """Check that `n_bytes` fit beside the reserve, because a file that fails half-way through is harder to mend.

    Raises
    ------
    StorageError
        If they do not.
    """
    free = shutil.disk_usage(folder).free
    if free < n_bytes + RESERVE_BYTES:
        raise StorageError(_full(folder, f"{free >> 20} MiB left, {RESERVE_BYTES >> 20} of them kept to close the run"))


@contextlib.contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn a failed write into a `StorageError`; h5py reports some of them as `RuntimeError`."""
    try:
        yield
    except StorageError:
        raise
    except (OSError, RuntimeError) as error:
        raise StorageError(_full(folder, explain(error))) from error


def write_sealed(path: Path, content: bytes | Callable[[Path], object]) -> None:
    """Write a file that is either there completely or not at all, also after a power cut.

    Parameters
    ----------
    path
        The file.
    content
        What is to be in it, or what writes it to a path, where it is too much to be in memory besides.

    Raises
    ------
    StorageError
        If the disk does not take it.
    """
    temporary = path.with_name(path.name + ".tmp")
    with storage_errors(path.parent):
        try:
            if isinstance(content, bytes):
                temporary.write_bytes(content)
            else:
                content(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def _full(folder: Path, reason: str) -> str:
    return (
        f"The run folder '{folder}' cannot be written to any more ({reason}); "
        "what was stored stays readable: free some space and start a new run."
    )


def append_durably(path: Path, line: bytes) -> None:
    """Append a line, and return when it is on the disk; a line before it that a crash cut off stays a line of its own.

    Raises
    ------
    StorageError
        If the disk does not take it; what it took of the line is cut off again.
    """
    with storage_errors(path.parent), path.open("ab+") as file:
        end = file.tell()
        if end:
            file.seek(end - 1)
            line = line if file.read(1) == b"\n" else b"\n" + line
        try:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(path, end)
            raise
