"""Chunks settled one after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from service.reprocess.job import Events, Job, Settled
from service.reprocess.settling import Workshop


class InOrder:
    """The plain loop: needs nothing that is not there, and is what a cluster is compared with."""

    def settled(self, job: Job, chunks: Sequence[Events]) -> Iterator[Settled]:
        """Return every chunk settled, in their order; raises what opening the run or the model raises."""
        with closing(Workshop.open(job)) as workshop:
            yield from map(workshop.settle, chunks)
