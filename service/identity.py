"""Who a run is, and how its results were made."""

from __future__ import annotations

import hashlib
import re
import secrets
import sys
from importlib.metadata import PackageNotFoundError, version

from acquisition.instrument import Instrument
from service.clock import utc
from service.errors import UnknownRun

_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{9}Z-[0-9a-f]{6}")
_SOFTWARE = ("lightline", "numpy", "numba", "onnxruntime-gpu", "onnxruntime")


def new_run_id() -> str:
    """Return the start time to the millisecond and a random part: sortable, and safe as a file name."""
    now = utc()
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z-{secrets.token_hex(3)}"


def checked_run_id(text: str) -> str:
    """Return the id as it was given.

    Raises
    ------
    UnknownRun
        If it cannot be the id of a run, so that nothing else ever becomes part of a path.
    """
    if not _RUN_ID.fullmatch(text):
        raise UnknownRun(f"There is no run '{text[:40]}'; list the runs to see their ids.")
    return text


def pipeline_text(detector: str, transform: str, bundle_name: str, bundle_digest: str) -> str:
    """Join the reversible identifiers of the stages."""
    return "|".join((detector, transform, f"{bundle_name}@{bundle_digest[:16]}"))


def pipeline_id(pipeline: str, instrument: Instrument) -> str:
    """Return 16 hexadecimal digits that are equal where results are made in the same way on the same instrument."""
    return hashlib.sha256(f"{pipeline}\n{instrument.to_json()}".encode()).hexdigest()[:16]


def software_versions() -> dict[str, str]:
    """Return the versions of what decides about results."""
    versions = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for name in _SOFTWARE:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
