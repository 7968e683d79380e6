"""Rows that become a table when somebody needs one: that of many batches takes little longer than that of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np

from inference.results import CellResults
from reconstruction.images import CellImages
from service.store.cell_rows import AnswerNames, cell_rows, rejected_rows


class LaterRows(Protocol):
    """Rows of a batch."""

    @property
    def num_rows(self) -> int:
        """How many there are."""

    def joined(self, others: Sequence[Any]) -> Any:
        """Return the `pyarrow.Table` of these rows and those of the batches that follow, of the same kind."""


@dataclass(frozen=True)
class CellRows:
    """Rows of cells with their answers.

    Attributes
    ----------
    measured
        The cells, without their images.
    results
        Their answers, in the same order.
    names
        What the numbers in them mean.
    sample_rate_hz
        Of the instrument.
    """

    measured: CellImages
    results: CellResults
    names: AnswerNames
    sample_rate_hz: float

    @classmethod
    def of(cls, images: CellImages, results: CellResults, names: AnswerNames, sample_rate_hz: float) -> Self:
        """Take a batch; raises `ValueError` if images and results are not of the same events."""
        if not np.array_equal(images.event_id, results.event_id):
            raise ValueError("images and results must be of the same events, in the same order")
        return cls(replace(images, images={}), results, names, sample_rate_hz)

    @property
    def num_rows(self) -> int:
        """How many there are."""
        return len(self.measured)

    @cached_property
    def table(self) -> Any:
        """`pyarrow.Table` of these rows alone, for who cannot wait for more."""
        return self.joined([])

    def joined(self, others: Sequence[Self]) -> Any:
        """See `LaterRows`."""
        batches = (self, *others)
        measured = CellImages.concatenate([batch.measured for batch in batches])
        results = CellResults.concatenate([batch.results for batch in batches])
        return cell_rows(measured, results, self.names, self.sample_rate_hz)


@dataclass(frozen=True)
class RejectedRows:
    """Rows of events that cannot be judged; `measured` are these events, without their images."""

    measured: CellImages
    sample_rate_hz: float

    @classmethod
    def of(cls, images: CellImages, sample_rate_hz: float) -> Self:
        """Take a batch."""
        return cls(replace(images, images={}), sample_rate_hz)

    @property
    def num_rows(self) -> int:
        """How many there are."""
        return len(self.measured)

    def joined(self, others: Sequence[Self]) -> Any:
        """See `LaterRows`."""
        return rejected_rows(
            CellImages.concatenate([self.measured, *(o.measured for o in others)]), self.sample_rate_hz
        )
