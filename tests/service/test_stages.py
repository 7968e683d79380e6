"""The edges between stages keep their bound and their policy; the intake counts every sample; meters tell the truth."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from line_parts import INSTRUMENT

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import EndOfStream, SourceTimeout
from service.run import FinishReason
from service.runs.edge import Edge, Policy
from service.runs.intake import Intake
from service.runs.ledger import LedgerBook
from service.runs.meters import RateMeter


def test_an_edge_holds_so_many_bytes_and_one_item_of_any_size() -> None:
    edge: Edge[bytes] = Edge(9, Policy.DROP_NEWEST, len, 10)
    assert edge.put(b"x" * 50)
    assert not edge.put(b"x")
    assert edge.take() == [b"x" * 50]
    assert edge.put(b"x" * 6) and edge.put(b"x" * 4) and not edge.put(b"x")
    assert edge.abort() == [b"x" * 6, b"x" * 4]


def test_a_waiting_edge_holds_up_the_giver_and_loses_nothing() -> None:
    edge: Edge[int] = Edge(3, Policy.WAIT)
    giver = threading.Thread(target=lambda: [edge.put(k) for k in range(50)])
    giver.start()
    taken: list[int] = []
    while len(taken) < 50:
        assert edge.fill().size <= 3
        taken += edge.take(most=4)
    giver.join()
    assert taken == list(range(50))


def test_a_dropping_edge_refuses_the_newest_and_says_so() -> None:
    edge: Edge[int] = Edge(2, Policy.DROP_NEWEST)
    assert [edge.put(k) for k in range(4)] == [True, True, False, False]
    edge.close()
    assert edge.take(9) == [0, 1] and edge.take() == [] and not edge.put(5)


def test_a_batch_leaves_when_it_is_full_or_its_patience_is_over() -> None:
    edge: Edge[int] = Edge(10, Policy.WAIT)
    for k in range(5):
        edge.put(k)
    began = time.monotonic()
    assert edge.take(4, lambda: 5.0) == [0, 1, 2, 3]
    assert edge.take(4, lambda: 0.05) == [4]
    assert 0.05 <= time.monotonic() - began < 1


def test_what_comes_together_is_taken_together_and_the_first_have_room() -> None:
    edge: Edge[int] = Edge(3, Policy.DROP_NEWEST)
    assert edge.put_all([1, 2]) == 2 and edge.put_all([3, 4, 5]) == 1 and edge.put_all([]) == 0
    assert edge.take(9) == [1, 2, 3]
    waiting: Edge[int] = Edge(2, Policy.WAIT)
    given: list[int] = []
    giver = threading.Thread(target=lambda: given.append(waiting.put_all(range(20))))
    giver.start()
    taken: list[int] = []
    while len(taken) < 20:
        taken += waiting.take(5)
    giver.join()
    assert taken == list(range(20)) and given == [20]


def test_aborting_frees_a_giver_that_waits_and_returns_what_is_left() -> None:
    edge: Edge[int] = Edge(1, Policy.WAIT)
    edge.put(1)
    outcome: list[bool] = []
    giver = threading.Thread(target=lambda: outcome.append(edge.put(2)))
    giver.start()
    time.sleep(0.05)
    assert edge.abort() == [1]
    giver.join(2)
    assert outcome == [False] and edge.take() == []


class Scripted:
    """A source that delivers what a list says."""

    instrument = INSTRUMENT

    def __init__(self, script: list[Any]) -> None:
        self._script = list(script)

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def read(self, timeout_s: float = 1.0) -> Block:
        item = self._script.pop(0) if self._script else EndOfStream()
        if isinstance(item, Exception):
            raise item
        return item


def block(first: int, count: int, lost: int = 0, **more: Any) -> Block:
    return Block(np.full((count, 2), first, np.int16), first_sample=first, lost_before=lost, **more)


def take_in(script: list[Any], edge: Edge[Block], seconds: float | None = None) -> tuple[Any, list[Any]]:
    ledger, ends = LedgerBook(), list[Any]()
    intake = Intake(Scripted(script), None, edge, ledger, seconds, lambda *end: ends.append(end))  # type: ignore[arg-type]  # a scripted source
    intake.run()
    return ledger.snapshot(), ends


def test_losses_of_the_source_reach_detection_and_the_ledger() -> None:
    edge: Edge[Block] = Edge(9, Policy.WAIT)
    script = [block(0, 10), SourceTimeout(), block(15, 10, lost=5), block(60, 10, lost=UNKNOWN_LOSS)]
    ledger, ends = take_in(script, edge)
    assert (ledger.samples, ledger.samples_lost, ledger.losses_of_unknown_size) == (30, 5, 1)
    assert [b.lost_before for b in edge.take(9)] == [0, 5, UNKNOWN_LOSS]
    assert ends == [(FinishReason.SOURCE_ENDED, None)]


def test_a_block_that_finds_no_room_is_a_loss_that_the_next_one_reports() -> None:
    edge: Edge[Block] = Edge(2, Policy.DROP_NEWEST)
    script: list[Any] = [block(10 * k, 10) for k in range(4)]

    class Draining(Scripted):
        def read(self, timeout_s: float = 1.0) -> Block:
            if len(self._script) == 0 and edge.fill().size == 2:
                taken.extend(edge.take(2))
                return block(40, 10)
            return super().read(timeout_s)

    taken: list[Block] = []
    ledger = LedgerBook()
    Intake(Draining(script), None, edge, ledger, None, lambda *end: None).run()  # type: ignore[arg-type]  # a scripted source
    taken += edge.take(9)
    assert [(b.first_sample, b.lost_before) for b in taken] == [(0, 0), (10, 0), (40, 20)]
    assert (ledger.snapshot().samples, ledger.snapshot().samples_lost) == (30, 20)


def test_a_borrowed_block_is_copied_before_it_is_given_back() -> None:
    buffer = np.zeros((10, 2), np.int16)
    released: list[bool] = []

    def release() -> None:
        released.append(True)
        buffer[:] = 99

    edge: Edge[Block] = Edge(2, Policy.WAIT)
    take_in([Block(buffer, first_sample=0, borrowed=True, release=release)], edge)
    (kept,) = edge.take()
    assert released and (kept.data == 0).all() and not kept.borrowed


@pytest.mark.parametrize("cuts", [[100], [30, 70], [50, 50], [51, 49], [10] * 10])
def test_the_time_asked_for_ends_at_the_same_sample_for_any_blocks(cuts: list[int]) -> None:
    edge: Edge[Block] = Edge(20, Policy.WAIT)
    firsts = np.cumsum([0, *cuts[:-1]])
    script = [block(int(first), count) for first, count in zip(firsts, cuts, strict=True)]
    ledger, ends = take_in(script, edge, seconds=50 / INSTRUMENT.sample_rate_hz)
    assert ledger.samples == 50 and ends == [(FinishReason.TARGET_REACHED, None)]


def test_rates_say_what_was_measured() -> None:
    rate = RateMeter()
    rate.add(30)
    time.sleep(0.3)
    rate.add(30)
    assert 60 / 5 < rate.rate_hz() <= 60 / 0.25
