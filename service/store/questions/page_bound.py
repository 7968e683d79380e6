"""Where a sorted page ends, found in the sorting column alone: it spares the database most of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.floating]
_SPARE = 4096
"""Values beyond those needed that are gathered before the worst of them are thrown away."""


@dataclass(frozen=True)
class KeyPiece:
    """The sorting column of some rows that follow each other, in event order.

    Attributes
    ----------
    first, last
        Event ids of the first and the last row.
    keys
        `(n,)`: what the rows are sorted by; NaN where a row has no value.
    """

    first: int
    last: int
    keys: Keys


@dataclass(frozen=True)
class Cursor:
    """The row that a page begins behind: its event id and its key, NaN if it has no value."""

    event_id: int
    key: float


@dataclass(frozen=True)
class PageBound:
    """Where to look for the rows of a page.

    Attributes
    ----------
    key
        No row of the page is behind this key; None where rows without a value are among them.
    pieces
        Numbers of the pieces that the rows are in.
    """

    key: float | None
    pieces: tuple[int, ...]


def page_bound(pieces: Sequence[KeyPiece], cursor: Cursor | None, count: int, *, descending: bool) -> PageBound:
    """Return where the first `count` rows behind a cursor are: by key, rows of one key by event id, those without last.

    Parameters
    ----------
    pieces
        All rows, in event order.
    cursor
        None for the first page.
    count
        Rows wanted.
    descending
        Whether the largest key comes first.

    Notes
    -----
    One look at every key: what is no better than the best `count` so far is passed over. Of rows with the bound's own
    key only the first pieces are named that have enough of them. A piece that the cursor's row is in counts nothing of
    the cursor's own key, as it is not known which of these rows are behind it; it is named, so nothing is missed.
    """
    better = np.greater if descending else np.less
    found: list[Keys] = [np.zeros(0)]
    gathered, key = 0, np.nan
    best: dict[int, float] = {}
    for number, piece in enumerate(pieces):
        wanted = better(piece.keys, key) if key == key else piece.keys == piece.keys
        keys = piece.keys[wanted if cursor is None else wanted & _behind(piece, cursor, descending)]
        if not len(keys):
            continue
        best[number] = float(keys.max() if descending else keys.min())
        found.append(keys)
        gathered += len(keys)
        if gathered >= count + _SPARE or (key != key and gathered >= count):
            kept = _best(np.concatenate(found), count, descending)
            found, gathered, key = [kept], len(kept), float(kept.min() if descending else kept.max())
    values = _best(np.concatenate(found), count, descending)
    named = set() if cursor is None else {number for number, piece in enumerate(pieces) if _holds(piece, cursor)}
    if len(values) < count:
        unvalued = _first(pieces, cursor, np.nan, count - len(values))
        return PageBound(None, tuple(sorted({*named, *best, *unvalued})))
    key = float(values.min() if descending else values.max())
    equal = _first(pieces, cursor, key, count - int(better(values, key).sum()))
    return PageBound(
        key, tuple(sorted({*named, *equal, *(number for number, one in best.items() if better(one, key))}))
    )


def _behind(piece: KeyPiece, cursor: Cursor, descending: bool) -> npt.NDArray[np.bool_]:
    """Tell which keys of a piece are surely behind the cursor."""
    if piece.first > cursor.event_id:
        return np.asarray(piece.keys <= cursor.key if descending else piece.keys >= cursor.key)
    return np.asarray(piece.keys < cursor.key if descending else piece.keys > cursor.key)


def _holds(piece: KeyPiece, cursor: Cursor) -> bool:
    """Tell whether rows of the cursor's own key in a piece may be before or behind it."""
    return piece.first <= cursor.event_id < piece.last


def _best(keys: Keys, count: int, descending: bool) -> Keys:
    if len(keys) <= count:
        return keys
    kept = np.partition(keys, len(keys) - count)[-count:] if descending else np.partition(keys, count - 1)[:count]
    return np.asarray(kept)


def _first(pieces: Sequence[KeyPiece], cursor: Cursor | None, key: float, wanted: int) -> list[int]:
    """Return the first pieces behind the cursor that have so many rows of a key; NaN stands for those without one."""
    named = []
    own = cursor is not None and (cursor.key == key or (cursor.key != cursor.key and key != key))
    for number, piece in enumerate(pieces):
        if wanted <= 0:
            break
        if own and cursor is not None and piece.first <= cursor.event_id:
            continue
        if rows := int(np.count_nonzero(piece.keys == key if key == key else np.isnan(piece.keys))):
            named.append(number)
            wanted -= rows
    return named
