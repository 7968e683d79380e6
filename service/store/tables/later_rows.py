"""Rows that become a table when somebody needs one: that of many batches takes little longer than that of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from inference.results import CellResults
from reconstruction.images import CellImages
from service.store.tables.cell_rows import AnswerNames, cell_rows, rejected_rows


class LaterRows(Protocol):
    """Rows of a batch."""

    @property
    def num_rows(self) -> int:
        """How many there are."""

    @property
    def table(self) -> Any:
        """`pyarrow.Table` of these rows."""

    def joined(self, others: Sequence[Self]) -> Self:
        """Return these rows and those of the batches that follow as those of one batch."""


@dataclass(frozen=True)
class Measured:
    """What was measured of a batch of events, without their images.

    Attributes
    ----------
    events
        The batch without images and features.
    names
        Of the features.
    features
        `(len(names), n)` float32: in one piece, as dozens of columns of a hundred batches take long to join.
    """

    events: CellImages
    names: tuple[str, ...]
    features: npt.NDArray[np.float32]

    @classmethod
    def of(cls, images: CellImages) -> Self:
        """Take what was measured of a batch."""
        features = np.array(list(images.features.values()), np.float32).reshape(len(images.features), len(images))
        return cls(replace(images, images={}, features={}), tuple(images.features), features)

    @property
    def images(self) -> CellImages:
        """The batch as it was taken, without images."""
        return replace(self.events, features=dict(zip(self.names, self.features, strict=True)))

    def joined(self, others: Sequence[Self]) -> Self:
        """Return this batch and those that follow as one."""
        batches = (self, *others)
        events = CellImages.concatenate([batch.events for batch in batches])
        return replace(self, events=events, features=np.concatenate([batch.features for batch in batches], axis=1))


@dataclass(frozen=True)
class CellRows:
    """Rows of cells with their answers.

    Attributes
    ----------
    measured
        The cells.
    results
        Their answers, in the same order.
    names
        What the numbers in them mean.
    sample_rate_hz
        Of the instrument.
    """

    measured: Measured
    results: CellResults
    names: AnswerNames
    sample_rate_hz: float

    @classmethod
    def of(cls, images: CellImages, results: CellResults, names: AnswerNames, sample_rate_hz: float) -> Self:
        """Take a batch; raises `ValueError` if images and results are not of the same events."""
        if not np.array_equal(images.event_id, results.event_id):
            raise ValueError("images and results must be of the same events, in the same order")
        return cls(Measured.of(images), results, names, sample_rate_hz)

    @property
    def num_rows(self) -> int:
        """How many there are."""
        return len(self.results)

    @cached_property
    def table(self) -> Any:
        """See `LaterRows`."""
        return cell_rows(self.measured.images, self.results, self.names, self.sample_rate_hz)

    def joined(self, others: Sequence[Self]) -> Self:
        """See `LaterRows`."""
        measured = self.measured.joined([batch.measured for batch in others])
        results = CellResults.concatenate([batch.results for batch in (self, *others)])
        return replace(self, measured=measured, results=results)


@dataclass(frozen=True)
class RejectedRows:
    """Rows of events that cannot be judged."""

    measured: Measured
    sample_rate_hz: float

    @classmethod
    def of(cls, images: CellImages, sample_rate_hz: float) -> Self:
        """Take a batch."""
        return cls(Measured.of(images), sample_rate_hz)

    @property
    def num_rows(self) -> int:
        """How many there are."""
        return len(self.measured.events)

    @property
    def table(self) -> Any:
        """See `LaterRows`."""
        return rejected_rows(self.measured.images, self.sample_rate_hz)

    def joined(self, others: Sequence[Self]) -> Self:
        """See `LaterRows`."""
        return replace(self, measured=self.measured.joined([batch.measured for batch in others]))
