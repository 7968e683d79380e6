"""A run that somebody uses for long stays where it is: a lock of the operating system, gone with the process."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class Use:
    """Keeps a run from being removed until `end`, or until nobody has it any more; any number may use a run at a time.

    Where folders cannot be locked (Windows, some network file systems), nothing is kept from being removed.

    Parameters
    ----------
    run
        Folder of the run; one that is missing is nobody's, and whoever reads it will say so.
    """

    def __init__(self, run: Path) -> None:
        descriptor = _locked(run, exclusive=False)
        self._unlock = None if descriptor is None else weakref.finalize(self, os.close, descriptor)

    def end(self) -> None:
        """Use it no longer; may be called twice."""
        if self._unlock is not None:
            self._unlock()


@contextmanager
def unused(run: Path) -> Iterator[bool]:
    """Keep a run from being used meanwhile; False where somebody uses it."""
    try:
        descriptor = _locked(run, exclusive=True)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _locked(run: Path, *, exclusive: bool) -> int | None:
    """Lock a folder and return its descriptor, None where that is not possible.

    Raises
    ------
    BlockingIOError
        If somebody uses it who keeps the exclusive lock from being had.
    """
    if sys.platform == "win32":
        return None
    try:
        descriptor = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        # Whoever removes a run has it for a moment, and then it is gone.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusive else fcntl.LOCK_SH)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
