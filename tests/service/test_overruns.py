"""A run survives a digitizer that overruns, counts what it cost, and gives up where that does not help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from line_parts import INSTRUMENT

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import ConfigError, DeviceLost, EndOfStream, Overrun
from service.run import FinishReason, Ledger
from service.runs.edge import Edge, Policy
from service.runs.intake import Intake
from service.runs.ledger import LedgerBook
from service.runs.restarts import MOST_AT_ONCE

SECOND = round(INSTRUMENT.sample_rate_hz)
TOO_SLOW = Overrun("The card overran; start again.")


class Card:
    """Delivers one script after the other, each from a start to an overrun; then it is at its end."""

    instrument = INSTRUMENT

    def __init__(self, *scripts: list[Any]) -> None:
        self._scripts = list(scripts)
        self._script: list[Any] = []
        self.starts = 0
        self.stopped = False

    def start(self) -> None:
        self._script = [*self._scripts.pop(0), TOO_SLOW] if self._scripts else []
        self.starts += 1
        if self._script and isinstance(self._script[0], ConfigError | DeviceLost):
            raise self._script[0]

    def stop(self) -> None:
        self.stopped = True

    def read(self, timeout_s: float = 1.0) -> Block:
        item = self._script.pop(0) if self._script else EndOfStream()
        if isinstance(item, Exception):
            raise item
        assert isinstance(item, Block)
        return item


def block(epoch: int, first: int = 0, count: int = 10, lost: int = 0) -> Block:
    # A view of one number: a second of samples costs no memory.
    return Block(np.broadcast_to(np.int16(0), (count, 2)), first, epoch, lost)


class Tape:
    """What a recorder was given."""

    error = None

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def put(self, block: Block) -> bool:
        self.blocks.append(block)
        return True


def take_in(card: Card, restarts: int | None = None) -> tuple[Ledger, list[Block], list[Block], list[Any]]:
    ledger, ends, tape = LedgerBook(), list[Any](), Tape()
    edge: Edge[Block] = Edge(999, Policy.WAIT)
    end: Callable[..., None] = lambda *why: ends.append(why)  # noqa: E731
    Intake(card, tape, edge, ledger, None, end, restarts).run()  # type: ignore[arg-type]  # scripted parts
    assert card.stopped and len(ends) == 1
    return ledger.snapshot(), edge.take(999), tape.blocks, ends[0]


def test_a_card_that_overruns_goes_on_in_the_next_epoch_and_the_loss_is_said() -> None:
    card = Card([block(0), block(0, 10)], [block(1), block(1, 10)])
    ledger, line, tape, end = take_in(card)
    assert (ledger.samples, ledger.samples_lost) == (40, 0)
    # The second overrun is the last: nothing came behind it, so nothing is known to be missing there.
    assert (ledger.overruns, ledger.losses_of_unknown_size, card.starts) == (2, 1, 3)
    for blocks in (line, tape):
        assert [(b.epoch, b.lost_before) for b in blocks] == [(0, 0), (0, 0), (1, UNKNOWN_LOSS), (1, 0)]
    assert end == (FinishReason.SOURCE_ENDED, None)


def test_what_the_card_says_it_lost_besides_is_counted_too() -> None:
    ledger, line, _, _ = take_in(Card([block(0)], [block(1, 7, lost=7)], [block(2, lost=UNKNOWN_LOSS)]))
    assert (ledger.samples_lost, ledger.losses_of_unknown_size, ledger.overruns) == (7, 2, 3)
    assert [b.lost_before for b in line] == [0, UNKNOWN_LOSS, UNKNOWN_LOSS]


def test_overruns_without_a_sample_between_them_are_one_loss() -> None:
    ledger, line, _, _ = take_in(Card([block(0)], [], [], [block(3)]))
    assert (ledger.overruns, ledger.losses_of_unknown_size, len(line)) == (4, 1, 2)


def test_an_empty_block_after_a_restart_hands_the_loss_on() -> None:
    _, line, _, _ = take_in(Card([block(0)], [block(1, count=0), block(1)]))
    assert [(b.epoch, b.n_samples, b.lost_before) for b in line] == [(0, 10, 0), (1, 10, UNKNOWN_LOSS)]


def test_a_card_that_overruns_again_at_once_ends_the_run() -> None:
    card = Card(*([block(epoch)] for epoch in range(20)))
    ledger, line, _, (reason, sentence) = take_in(card)
    assert (ledger.overruns, card.starts, len(line)) == (MOST_AT_ONCE + 1,) * 3
    assert reason is FinishReason.OVERRUN and sentence.startswith(f"The digitizer overran {MOST_AT_ONCE + 1} times")
    assert "The card overran" in sentence and "\n" not in sentence


def test_a_card_that_runs_for_a_second_each_time_is_started_without_end() -> None:
    card = Card(*([block(epoch, count=SECOND)] for epoch in range(20)))
    ledger, _, _, end = take_in(card)
    assert (ledger.overruns, card.starts, ledger.samples) == (20, 21, 20 * SECOND)
    assert end == (FinishReason.SOURCE_ENDED, None)


@pytest.mark.parametrize("restarts", [0, 1, 3])
def test_the_number_of_restarts_can_be_said(restarts: int) -> None:
    card = Card(*([block(epoch, count=SECOND)] for epoch in range(9)))
    ledger, _, _, end = take_in(card, restarts)
    assert (ledger.overruns, card.starts) == (restarts + 1, restarts + 1)
    assert end == (FinishReason.OVERRUN, str(TOO_SLOW))


@pytest.mark.parametrize("error", [DeviceLost("The card is gone."), ConfigError("The card has no clock.")])
def test_a_card_that_cannot_be_started_again_ends_the_run_with_the_reason(error: Exception) -> None:
    ledger, line, _, end = take_in(Card([block(0)], [error]))
    assert (ledger.overruns, len(line)) == (1, 1)
    assert end == (FinishReason.SOURCE_LOST, str(error))
