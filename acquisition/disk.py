"""Claim disk space before it is needed, and say in a sentence why the disk refused."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

_UNSUPPORTED = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV}
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file has reached the largest size allowed here",
    errno.EIO: "the disk reports a fault",
    errno.EACCES: "the folder does not allow it",
    errno.EROFS: "the disk is read-only",
    errno.ENOENT: "the folder does not exist",
}


def reserve(path: Path, descriptor: int, size_bytes: int) -> None:
    """Claim disk space for the open file `descriptor` up to `size_bytes`.

    Where the file system cannot claim space, its free space is looked at instead.

    Raises
    ------
    OSError
        If there is not that much.
    """
    have = os.fstat(descriptor).st_size
    if size_bytes <= have:
        return
    try:
        os.posix_fallocate(descriptor, have, size_bytes - have)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _UNSUPPORTED:
            raise
        if shutil.disk_usage(path.parent).free < size_bytes - have:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None


def explain(error: Exception) -> str:
    """Return the reason of a failed write as a clause for people."""
    code = error.errno if isinstance(error, OSError) else None
    if code is None:
        # HDF5 reports the system's error number in its text only.
        found = re.search(r"errno = (\d+)", str(error))
        code = int(found[1]) if found else None
    if code is None:
        return f"the file could not be written ({error})"
    return _REASONS.get(code, os.strerror(code))
