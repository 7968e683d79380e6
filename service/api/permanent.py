"""What was answered once for a cell never changes: entity tags, and 304 for who has it already."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from fastapi import Depends, Request, Response

CACHE_CONTROL = "private, max-age=86400, immutable"
PNG = "image/png"
NPY = "application/octet-stream"


class Permanent:
    """Answers a request for something that never changes, and makes it only for a caller who does not have it."""

    def __init__(self, request: Request) -> None:
        query = sorted((name, value) for name, value in request.query_params.multi_items() if name != "token")
        text = f"{request.url.path}?{query}"
        self._tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
        known = request.headers.get("if-none-match", "")
        self._known = known.strip() == "*" or self._tag in (part.strip() for part in known.split(","))

    def answer(
        self,
        make: Callable[[], bytes],
        media_type: str,
        name: str | None = None,
        about: Mapping[str, str] | None = None,
    ) -> Response:
        """Return what `make` gives with its entity tag, or 304; `name` offers it as a file, `about` adds headers."""
        headers = {"ETag": self._tag, "Cache-Control": CACHE_CONTROL, **(about or {})}
        if name is not None:
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        if self._known:
            return Response(status_code=304, headers=headers)
        return Response(make(), media_type=media_type, headers=headers)


PermanentOf = Annotated[Permanent, Depends(Permanent)]


def npy_bytes(array: npt.NDArray[Any]) -> bytes:
    """Return the array as a NumPy file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()
