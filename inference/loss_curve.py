"""The losses of a training as a picture of characters, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

Losses = Sequence[tuple[float, float]]
"""`(train loss, held-out loss)` of each epoch."""

TRAIN, HELD_OUT, BOTH = "·", "●", "◉"
_LABEL = 8


def loss_curve(losses: Losses, *, width: int = 60, height: int = 8) -> list[str]:
    """Draw losses over epochs, logarithmically where all are above 0; nothing where there are none.

    Parameters
    ----------
    losses
        All of them finite.
    width, height
        Most columns, and rows, of the picture; more epochs than columns share one, which shows their last.
    """
    if not losses:
        return []
    shown = [losses[_last_of(column, len(losses), width)] for column in range(min(width, len(losses)))]
    low, high = min(map(min, shown)), max(map(max, shown))
    scale = math.log if low > 0 else float
    rows = [[" "] * len(shown) for _ in range(height)]
    for column, (train, held_out) in enumerate(shown):
        places = [_row(scale(value), scale(low), scale(high), height) for value in (train, held_out)]
        rows[places[0]][column] = TRAIN
        rows[places[1]][column] = BOTH if places[0] == places[1] else HELD_OUT
    labels = {0: f"{high:.4g}", height - 1: f"{low:.4g}"}
    return [f"{labels.get(i, ''):>{_LABEL}} ┤{''.join(row)}".rstrip() for i, row in enumerate(rows)]


def best_epoch(losses: Losses) -> int:
    """Return the epoch of the least held-out loss, counted from 1."""
    return 1 + min(range(len(losses)), key=lambda epoch: losses[epoch][1])


def in_words(losses: Losses) -> str:
    """Say where a training stands, or stood in the end."""
    train, held_out = losses[-1]
    best = best_epoch(losses)
    return (
        f"epoch {len(losses)}: {TRAIN} training {train:.4g}, {HELD_OUT} held out {held_out:.4g}; "
        f"best {losses[best - 1][1]:.4g} at epoch {best}"
    )


def _last_of(column: int, epochs: int, width: int) -> int:
    return column if epochs <= width else (column + 1) * epochs // width - 1


def _row(value: float, low: float, high: float, height: int) -> int:
    share = (value - low) / (high - low) if high > low else 0.0
    return height - 1 - round(share * (height - 1))
