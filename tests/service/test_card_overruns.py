"""A Spectrum card that overruns, from its driver through the service to the ledger and the recording."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from spectrum_card import DEVICE, Card, expected, loaded_driver
from tiny_bundle import tiny_bundle

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.source import blocks, open_source
from service.run import FinishReason, Record, Run, RunRequest, RunState
from service.runs.control import RunControl
from service.runs.restarts import MOST_AT_ONCE

SOURCE = f"spcm:{DEVICE}?instrument=sheet-ci&notify=16K&buffer=1M"
BITS = 12
BLOCK = 16384 // 4
"""Samples per channel between two notices of the driver."""


@pytest.fixture
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    made = Card(loaded_driver(tmp_path_factory.getbasetemp()))
    made.bits = BITS
    return made


@pytest.fixture
def control(tmp_path: Path) -> Iterator[RunControl]:
    with RunControl(tmp_path / "data") as made:
        yield made


@pytest.fixture
def request_of(tmp_path: Path) -> RunRequest:
    tiny_bundle().save(tmp_path / "tiny.bundle")
    return RunRequest(source=SOURCE, record=Record.FULL, bundle=str(tmp_path / "tiny.bundle"))


def recorded(control: RunControl, run: Run) -> list[list[Block]]:
    """Recorded blocks by epoch; every sample is the one that the card made."""
    with open_source(str(control.folder(run.id).path / "trace-0001.h5")) as trace:
        assert trace.total_samples == run.ledger.samples
        played = list(blocks(trace))
    for block in played:
        assert np.array_equal(block.data, expected(BITS, block.first_sample, block.n_samples))
    return [list(epoch) for _, epoch in groupby(played, key=lambda block: block.epoch)]


def wait_for_start(card: Card, number: int) -> None:
    until = time.monotonic() + 20
    while card.starts_seen < number and time.monotonic() < until:
        time.sleep(0.002)
    assert card.starts_seen >= number


def check_books(card: Card, run: Run) -> None:
    ledger = run.ledger
    assert ledger.recorded == ledger.samples and ledger.unrecorded == 0 and ledger.samples_lost == 0
    assert ledger.detected == ledger.stored + sum(ledger.rejected.values()) + sum(ledger.dropped.values())
    assert card.closes_seen == card.opens_seen


def test_every_epoch_of_a_card_that_overruns_is_kept_to_its_last_sample(
    card: Card, control: RunControl, request_of: RunRequest
) -> None:
    card.overrun_after = 60
    run = control.start(request_of.model_copy(update={"restarts": 2}))
    run = control.wait(run.id, 30)
    assert run.finish_reason is FinishReason.OVERRUN and "not read fast enough" in (run.error or "")
    assert (run.ledger.overruns, run.ledger.losses_of_unknown_size, card.starts_seen) == (3, 2, 3)
    assert run.ledger.samples == 3 * 60 * BLOCK
    epochs = recorded(control, run)
    assert [sum(block.n_samples for block in epoch) for epoch in epochs] == [60 * BLOCK] * 3
    assert [epoch[0].lost_before for epoch in epochs] == [0, UNKNOWN_LOSS, UNKNOWN_LOSS]
    check_books(card, run)


def test_a_card_that_overran_once_goes_on_to_the_sample_that_was_asked_for(
    card: Card, control: RunControl, request_of: RunRequest
) -> None:
    card.bytes_per_s, card.overrun_after = 20_000_000, 100
    run = control.start(request_of.model_copy(update={"seconds": 0.6}))
    wait_for_start(card, 2)
    card.overrun_after = -1
    run = control.wait(run.id, 30)
    assert run.state is RunState.DONE and run.finish_reason is FinishReason.TARGET_REACHED and run.error is None
    # What came later than the look at the card may have overrun as well, and is then counted as well.
    assert run.ledger.overruns == run.ledger.losses_of_unknown_size == card.starts_seen - 1 >= 1
    assert run.ledger.samples == round(0.6 * run.instrument.sample_rate_hz)
    assert len(recorded(control, run)) == card.starts_seen
    check_books(card, run)


def test_a_card_that_overruns_at_once_every_time_is_given_up_in_a_sentence(
    card: Card, control: RunControl, request_of: RunRequest
) -> None:
    card.overrun_after = 3
    run = control.wait(control.start(request_of).id, 30)
    assert run.finish_reason is FinishReason.OVERRUN
    assert (run.error or "").startswith(f"The digitizer overran {MOST_AT_ONCE + 1} times in a row")
    assert (run.ledger.overruns, card.starts_seen) == (MOST_AT_ONCE + 1,) * 2
    assert run.ledger.samples == (MOST_AT_ONCE + 1) * 3 * BLOCK
    check_books(card, run)


def test_a_card_that_cannot_be_started_again_ends_the_run_with_what_it_gave(
    card: Card, control: RunControl, request_of: RunRequest
) -> None:
    card.bytes_per_s, card.overrun_after = 20_000_000, 200
    run = control.start(request_of)
    wait_for_start(card, 1)
    card.clock_unlocked = 1
    run = control.wait(run.id, 30)
    assert run.finish_reason is FinishReason.SOURCE_LOST and "clock" in (run.error or "")
    assert (run.ledger.overruns, run.ledger.samples) == (1, 200 * BLOCK)
    assert len(recorded(control, run)) == 1
    check_books(card, run)
