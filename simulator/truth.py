"""What is known of everything that has flowed through, as the columns that travel with the samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from acquisition.source import Truth
from simulator.arrivals import Arrival


@dataclass(frozen=True, slots=True)
class Passage:
    """What is kept of an arrival once it is laid on the stream: its truth, without what has been drawn."""

    index: int
    kind: str
    is_cell: bool
    tick: float
    speed_m_s: float
    x_um: float
    z_um: float
    diameter_um: float
    facts: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, arrival: Arrival) -> Self:
        """Return the passage of an arrival."""
        specimen = arrival.specimen
        return cls(
            arrival.index,
            specimen.kind,
            specimen.is_cell,
            arrival.tick,
            arrival.speed_m_s,
            arrival.x_um,
            arrival.z_um,
            specimen.diameter_um,
            tuple(specimen.facts.items()),
        )


def truth_columns(passages: Iterable[Passage], epoch: int) -> Truth:
    """Return one row per passage; facts that one of them lacks are NaN."""
    rows = list(passages)
    names = sorted({name for row in rows for name, _ in row.facts})
    known = [dict(row.facts) for row in rows]

    def column(name: str, dtype: str) -> npt.NDArray[np.generic]:
        return np.array([getattr(row, name) for row in rows], dtype=dtype)

    return {
        "cell": column("index", "i8"),
        "kind": column("kind", "S32"),
        "is_cell": column("is_cell", "?"),
        "epoch": np.full(len(rows), epoch, dtype=np.int64),
        "tick": column("tick", "f8"),
        "speed_m_s": column("speed_m_s", "f8"),
        "x_um": column("x_um", "f8"),
        "z_um": column("z_um", "f8"),
        "diameter_um": column("diameter_um", "f8"),
        **{name: np.array([facts.get(name, np.nan) for facts in known]) for name in names},
    }
