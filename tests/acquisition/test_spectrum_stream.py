"""No sample of a Spectrum card is lost, invented or misread, whatever its driver does."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from itertools import cycle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spectrum_card import Card, expected, loaded_driver, opened

from acquisition.block import Block
from acquisition.errors import DeviceLost, EndOfStream, Overrun, SourceError, SourceTimeout
from acquisition.origin import Origin
from acquisition.source import Source
from acquisition.testing import CHECKS, IDLE_CHECKS, OVERRUN_CHECKS, RAMP_CHECKS, Check, check_nothing_leaks, take


@pytest.fixture
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    return Card(loaded_driver(tmp_path_factory.getbasetemp()))


def check_ramp(blocks: list[Block], bits: int) -> None:
    tick = 0
    for block in blocks:
        assert block.first_sample == tick
        assert np.array_equal(block.data, expected(bits, tick, block.n_samples))
        tick = block.end_sample


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("bits", [16, 8])
def test_a_card_is_a_source(card: Card, check: Check, bits: int) -> None:
    card.bits = bits
    check(lambda: opened(bits))


@pytest.mark.parametrize("check", RAMP_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("bits", "conversions"), [(16, 0), (12, 0), (8, 0), (14, 0x380)])
def test_a_counter_arrives_as_it_is(card: Card, check: Check, bits: int, conversions: int) -> None:
    card.bits, card.conversions = bits, conversions
    check(lambda: opened(8 if conversions else bits))


@pytest.mark.parametrize("check", IDLE_CHECKS, ids=lambda check: check.__name__)
def test_a_pause_is_waited_out(card: Card, check: Check) -> None:
    card.idle_after, card.idle_waits = 2, 400
    check(opened)


@pytest.mark.parametrize("check", OVERRUN_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("blocks", [1, 7])
def test_an_overrun_ends_an_epoch(card: Card, check: Check, blocks: int) -> None:
    card.overrun_after = blocks
    check(opened)


def test_a_thousand_starts_leave_no_memory_behind(card: Card) -> None:
    check_nothing_leaks(opened, starts=1000)


@pytest.mark.parametrize("bits", [16, 14, 12, 8])
def test_the_ramp_goes_on_many_times_round_the_ring(card: Card, bits: int) -> None:
    card.bits = bits
    with opened(bits) as source:
        source.start()
        blocks = take(source, 300_000)
        assert {block.data.dtype for block in blocks} == {np.dtype(np.int8 if bits == 8 else np.int16)}
        check_ramp(blocks, bits)


@pytest.mark.parametrize("bits", [12, 14, 16])
def test_bytes_that_the_card_made_unsigned_are_signed_again(card: Card, bits: int) -> None:
    card.bits, card.conversions = bits, 0x380
    with opened(8) as source:
        source.start()
        blocks = take(source, 300_000)
        assert blocks[0].data.dtype == np.int8
        check_ramp(blocks, 8)


def test_a_held_block_stays_until_the_next_read_and_is_then_given_back(card: Card) -> None:
    with opened() as source:
        source.start()
        first = source.read()
        assert first.borrowed and np.array_equal(first.data, expected(16, 0, first.n_samples))
        source.read()
        assert not np.array_equal(first.data, expected(16, 0, first.n_samples))


def test_a_block_released_twice_or_late_gives_nothing_else_back(card: Card) -> None:
    with opened() as source:
        source.start()
        first = source.read()
        first.release()
        first.release()
        second = source.read()
        first.release()
        assert np.array_equal(second.data, expected(16, second.first_sample, second.n_samples))
        source.start()
        second.release()
        check_ramp(take(source, 50_000), 16)


def test_a_block_held_over_a_restart_stays_as_it_was(card: Card) -> None:
    with opened() as source:
        source.start()
        held = source.read()
        source.start()
        take(source, 100_000)
        assert np.array_equal(held.data, expected(16, 0, held.n_samples))


def test_idle_is_not_the_end(card: Card) -> None:
    card.idle_after, card.idle_waits = 2, 70
    with opened() as source:
        source.start()
        for _ in range(2):
            source.read()
        idle, block = 0, None
        while block is None:
            try:
                block = source.read(0.001)
            except SourceTimeout:
                idle += 1
        assert idle >= 65
        tick = 2 * 16384 // 4
        assert block.first_sample == tick and block.epoch == 0 and block.lost_before == 0
        assert np.array_equal(block.data, expected(16, tick, block.n_samples))


@pytest.mark.parametrize("blocks", [0, 1, 3, 8, 20])
def test_an_overrun_comes_after_the_last_block_and_ends_the_epoch(card: Card, blocks: int) -> None:
    card.overrun_after = blocks
    with opened() as source:
        for epoch in range(3):
            source.start()
            got: list[Block] = []
            with pytest.raises(Overrun, match="start it again"):
                while True:
                    block = source.read(0.5)
                    assert np.array_equal(block.data, expected(16, block.first_sample, block.n_samples))
                    got.append(block)
            with pytest.raises(EndOfStream):
                source.read(0.0)
            assert [block.epoch for block in got] == [epoch] * blocks
            assert sum(block.n_samples for block in got) == blocks * 16384 // 4


def test_an_overrun_while_nothing_waits_is_noticed(card: Card) -> None:
    card.overrun_after = 1
    with opened() as source:
        source.start()
        assert source.read(0.0).n_samples == 4096
        with pytest.raises(Overrun):
            source.read(0.0)


def test_whole_samples_of_an_unfinished_block_come_before_the_overrun(card: Card) -> None:
    card.bits, card.overrun_after, card.tail_frames = 8, 2, 1001
    with opened(8) as source:
        source.start()
        blocks = [source.read(), source.read(), source.read()]
        assert [block.n_samples for block in blocks] == [8192, 8192, 1001]
        assert np.array_equal(blocks[2].data, expected(8, 16384, 1001))
        with pytest.raises(Overrun):
            source.read()


def test_a_transfer_that_ends_by_itself_is_no_idle_card(card: Card) -> None:
    card.end_after = 2
    with opened() as source:
        source.start()
        assert [source.read().n_samples for _ in range(2)] == [4096, 4096]
        with pytest.raises(Overrun, match="by itself"):
            source.read(5.0)


def test_a_reader_that_is_too_slow_gets_what_was_kept_and_then_an_overrun(card: Card) -> None:
    card.bytes_per_s, card.memory_bytes = 20_000_000, 500_000
    with opened() as source:
        source.start()
        fills = [source.read(1.0).fill]
        time.sleep(0.02)
        fills.append(source.read(1.0).fill)
        time.sleep(0.1)
        kept = []
        with pytest.raises(Overrun):
            while True:
                kept.append(source.read(1.0).n_samples)
        assert sum(kept) >= 7 * 4096
        assert all(fill is not None and 0.0 <= fill <= 1.0 for fill in fills)
        assert fills[1] > fills[0]


def test_a_card_that_vanishes_is_lost_until_it_is_opened_again(card: Card) -> None:
    card.vanish_after = 3
    with opened() as source:
        source.start()
        with pytest.raises(DeviceLost, match="open it again"):
            for _ in range(10):
                source.read(0.5)
        with pytest.raises(DeviceLost):
            source.read(0.0)
        source.stop()
        with pytest.raises(DeviceLost):
            source.start()
    assert card.closes_seen == card.opens_seen


def test_a_card_that_vanishes_while_it_is_stopped_is_lost(card: Card) -> None:
    card.vanish_after = 0
    with opened() as source:
        source.start()
        source.stop()
        with pytest.raises(SourceError):
            source.read(0.0)
        source.start()
        with pytest.raises(DeviceLost):
            source.read(0.5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bits=st.sampled_from([8, 12, 16]),
    ring_blocks=st.integers(2, 9),
    overrun_after=st.integers(0, 30),
    idle_after=st.integers(-1, 10),
    tail_frames=st.integers(0, 900),
    releases=st.lists(st.sampled_from(["none", "once", "twice", "late"]), min_size=1, max_size=9),
    patience_s=st.sampled_from([0.0, 0.001, 0.2]),
)
def test_every_sample_before_an_overrun_comes_once(
    card: Card,
    bits: int,
    ring_blocks: int,
    overrun_after: int,
    idle_after: int,
    tail_frames: int,
    releases: list[str],
    patience_s: float,
) -> None:
    card.reset()
    card.bits, card.overrun_after, card.idle_after, card.tail_frames = bits, overrun_after, idle_after, tail_frames
    card.idle_waits = 5 if patience_s else 0
    tick, before = 0, None
    with opened(bits, f"notify=4K&buffer={4 * ring_blocks}K") as source, suppress(Overrun):
        source.start()
        for release in cycle(releases):
            try:
                block = source.read(patience_s)
            except SourceTimeout:
                continue
            if release == "late" and before is not None:
                before.release()
            assert block.first_sample == tick and block.lost_before == 0
            assert np.array_equal(block.data, expected(bits, tick, block.n_samples))
            tick, before = block.end_sample, block
            for _ in range({"once": 1, "twice": 2}.get(release, 0)):
                block.release()
    frame_bytes = 2 if bits == 8 else 4
    assert tick == overrun_after * 4096 // frame_bytes + tail_frames


def test_stop_ends_a_read_that_waits_for_an_idle_card(card: Card) -> None:
    card.idle_after, card.idle_waits = 0, 1_000_000
    with opened() as source:
        source.start()
        took = _time_to_end(source)
    assert took < 0.5


def test_stop_ends_a_busy_read(card: Card) -> None:
    with opened() as source:
        source.start()
        took = _time_to_end(source)
    assert took < 0.5


def _time_to_end(source: Source) -> float:
    ended = threading.Event()

    def read() -> None:
        while True:
            try:
                source.read(10.0)
            except SourceTimeout:
                continue
            except EndOfStream:
                ended.set()
                return

    reader = threading.Thread(target=read)
    reader.start()
    time.sleep(0.1)
    began = time.monotonic()
    source.stop()
    assert ended.wait(5.0)
    reader.join()
    return time.monotonic() - began


def test_a_thousand_starts_leave_nothing_open(card: Card) -> None:
    with opened() as source:
        for _ in range(1000):
            source.start()
            source.read(0.1)
            source.stop()
        assert card.starts_seen == card.transfers_seen == 1000
    assert card.closes_seen == card.opens_seen == 1


def test_what_the_source_says_of_itself(card: Card) -> None:
    with opened() as source:
        assert (source.waits, source.origin, source.total_samples) == (False, Origin.MEASURED, None)
        assert "M2p.5943-x4 sn 01234 at /dev/spcm0" in source.description
    card.demo = 1
    with opened() as source:
        assert source.origin is Origin.SIMULATED
    with pytest.raises(SourceError):
        source.start()
