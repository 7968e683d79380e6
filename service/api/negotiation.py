"""In which form something is answered: what the address says, or what the caller accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from fastapi import HTTPException

Form = TypeVar("Form")


def preferred(accept: str | None, offers: Mapping[Form, str]) -> Form:
    """Return the form that a caller likes best; of equals, the first that is offered.

    Parameters
    ----------
    accept
        The request's `Accept` header, None where it has none.
    offers
        Media types by form, the usual one first.

    Raises
    ------
    HTTPException
        406 if the caller takes none of them.
    """
    if not accept or not accept.strip():
        return next(iter(offers))
    wanted = [_range(part) for part in accept.split(",")]
    liking = {form: _liking(media.partition(";")[0], wanted) for form, media in offers.items()}
    best = max(liking, key=lambda form: liking[form])
    if liking[best] <= 0:
        raise HTTPException(406, f"This can be had as {', '.join(offers.values())}; accept one of them.")
    return best


def _range(part: str) -> tuple[str, float]:
    """Return a media range and its quality, 0 to 1; one that cannot be read is not liked."""
    media, *parameters = (one.strip().lower() for one in part.split(";"))
    quality = 1.0
    for name, _, value in (one.partition("=") for one in parameters):
        if name.strip() == "q":
            try:
                quality = min(max(float(value), 0.0), 1.0)
            except ValueError:
                quality = 0.0
    return media, quality if quality == quality else 0.0


def _liking(media: str, wanted: list[tuple[str, float]]) -> float:
    """Return the quality of the range that names a media type most closely (RFC 9110, 12.5.1)."""
    for name in (media, f"{media.partition('/')[0]}/*", "*/*"):
        found = [quality for one, quality in wanted if one == name]
        if found:
            return max(found)
    return 0.0
