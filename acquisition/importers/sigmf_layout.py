"""The parts of SigMF (version 1.2) that Lightline reads and writes, as they stand in the JSON file.

Times are told by `core:global_index`, one capture a stretch without a gap. What SigMF has no word for stands in
optional fields of our own, `lightline:`, which other programs pass over.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acquisition.errors import TraceError
from acquisition.source import existing_file

SIGMF_VERSION = "1.2.0"
META_SUFFIX, DATA_SUFFIX = ".sigmf-meta", ".sigmf-data"
LARGEST_META_BYTES = 1 << 28

DTYPES: dict[str, np.dtype[Any]] = {
    "ri8": np.dtype("<i1"),
    "ru8": np.dtype("<u1"),
    "ri16_le": np.dtype("<i2"),
    "ru16_le": np.dtype("<u2"),
    "ri16_be": np.dtype(">i2"),
    "ru16_be": np.dtype(">u2"),
}
"""Real samples of the widths that digitizers deliver."""


class _Part(BaseModel):
    # Other programs add fields of their own.
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, allow_inf_nan=False)


class GlobalPart(_Part):
    """The object `global`."""

    datatype: str = Field(alias="core:datatype")
    sample_rate_hz: float = Field(alias="core:sample_rate")
    n_channels: int = Field(default=1, ge=1, alias="core:num_channels")
    offset: int = Field(default=0, ge=0, alias="core:offset")
    dataset: str | None = Field(default=None, alias="core:dataset")
    trailing_bytes: int = Field(default=0, ge=0, alias="core:trailing_bytes")
    metadata_only: bool = Field(default=False, alias="core:metadata_only")
    description: str = Field(default="", alias="core:description")
    instrument: dict[str, Any] | None = Field(default=None, alias="lightline:instrument")
    origin: str = Field(default="measured", alias="lightline:origin")
    bits: int | None = Field(default=None, ge=2, le=16, alias="lightline:bits")


class CapturePart(_Part):
    """One of the `captures`."""

    sample_start: int = Field(ge=0, alias="core:sample_start")
    global_index: int | None = Field(default=None, ge=0, alias="core:global_index")
    header_bytes: int = Field(default=0, ge=0, alias="core:header_bytes")
    first_sample: int | None = Field(default=None, ge=0, alias="lightline:first_sample")
    epoch: int | None = Field(default=None, ge=0, alias="lightline:epoch")
    lost_before: int | None = Field(default=None, ge=-1, alias="lightline:lost_before")


class Meta(_Part):
    """A `.sigmf-meta` file."""

    about: GlobalPart = Field(alias="global")
    captures: tuple[CapturePart, ...] = ()


def meta_path(path: Path) -> Path:
    """Return the `.sigmf-meta` file of a recording that is named by either file or by its base name."""
    return path.with_suffix(META_SUFFIX) if path.suffix in (META_SUFFIX, DATA_SUFFIX) else Path(f"{path}{META_SUFFIX}")


def read_meta(path: Path) -> Meta:
    """Return what a `.sigmf-meta` file says.

    Raises
    ------
    TraceError
        If it is missing or not SigMF.
    """
    existing_file(str(path))
    if path.stat().st_size > LARGEST_META_BYTES:
        raise TraceError(f"The file '{path}' is too large for a SigMF description; name the .sigmf-meta file.")
    try:
        return Meta.model_validate_json(path.read_bytes())
    except OSError as error:
        raise TraceError(f"The file '{path}' cannot be read: {error.strerror}; check its permissions.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise TraceError(f"The file '{path}' is no valid SigMF: {place}: {first['msg']}.") from None
