"""Each fault does what it says and no more, is counted, and comes again at the same place for the same seed."""

from __future__ import annotations

import re
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ramp_source import SHEET, STRETCH, RampSource, collect, ramp

from acquisition.block import UNKNOWN_LOSS
from acquisition.errors import ConfigError, DeviceLost, EndOfStream, Overrun, SourceTimeout
from acquisition.testing import CHECKS, REPEATABLE_CHECKS
from simulator.faults.faulty_source import FaultySource, with_faults
from simulator.faults.grammar import parse_faults
from simulator.faults.registry import FAULTS

BLOCK_S = 1000 / SHEET.sample_rate_hz


def faulty(text: str, seed: int = 1, **ramp_options) -> FaultySource:
    source = with_faults(RampSource(**ramp_options), text, seed)
    assert isinstance(source, FaultySource)
    return source


def holds_ramp(blocks, instrument=SHEET) -> bool:
    return all(np.array_equal(b.data, ramp(instrument, b.first_sample, b.n_samples)) for b in blocks)


@pytest.mark.parametrize("check", [*CHECKS, *REPEATABLE_CHECKS], ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "text", ["short:rate=0.3,reuse,wrap:at=10ms", "empty:rate=0.2,idle:rate=0.02:for=1ms,reset:rate=0.1"]
)
def test_faults_that_a_driver_may_have_leave_a_source_a_source(text, check):
    check(lambda: faulty(text))


def test_no_fault_is_no_wrapper():
    source = RampSource()
    assert with_faults(source, "  ", 1) is source


def test_times_are_those_of_the_block_in_which_they_lie():
    for text, firsts in (("at=2ms", [10_000]), ("at=0s", [0]), ("every=6ms", [30_000, 60_000, 90_000])):
        blocks = collect(faulty(f"repeat:{text}"))
        assert [a.first_sample for a, b in pairwise(blocks) if a.first_sample == b.first_sample] == firsts


def test_a_counted_loss_is_said_and_samples_keep_their_places():
    source = faulty("drop:rate=0.1")
    blocks = collect(source)
    lost = sum(block.lost_before for block in blocks)
    assert holds_ramp(blocks) and source.counts["drop"] > 2
    assert lost == source.samples_lost["drop"] == 100_000 - sum(block.n_samples for block in blocks) > 0
    for before, after in pairwise(blocks):
        assert after.first_sample - before.end_sample == after.lost_before


def test_a_loss_of_any_size_is_taken_from_as_many_blocks_as_it_needs():
    source = faulty("drop:at=1ms:samples=2300")
    blocks = collect(source)
    assert [(b.first_sample, b.lost_before) for b in blocks if b.lost_before] == [(7300, 2300)]
    assert blocks[5].n_samples == 700 and holds_ramp(blocks)


def test_a_loss_at_the_end_is_said_by_an_empty_block():
    blocks = collect(faulty("drop:at=19.9ms"))
    assert (blocks[-1].n_samples, blocks[-1].lost_before, blocks[-1].first_sample) == (0, 1000, 100_000)


def test_an_uncounted_loss_hides_its_size_and_the_truth_follows_the_readers_ticks():
    source = faulty("lose:at=1ms:samples=2300")
    blocks = collect(source)
    said = [block for block in blocks if block.lost_before]
    assert [(b.first_sample, b.lost_before) for b in said] == [(5000, UNKNOWN_LOSS)]
    joined = np.concatenate([block.data for block in blocks])
    assert np.array_equal(joined[5000:], ramp(SHEET, 7300, 100_000 - 7300))
    tick = source.truth()["tick"]
    assert list(tick[4:9]) == [4500, 5000, 5000, 5200, 6200]


@pytest.mark.parametrize("text", ["drop:rate=0.1", "lose:rate=0.1,short:rate=0.2", "repeat:rate=0.3"])
def test_the_same_seed_gives_the_same_faults_and_another_seed_others(text):
    plays = [[(b.first_sample, b.n_samples) for b in collect(faulty(text, seed))] for seed in (1, 1, 2)]
    assert plays[0] == plays[1] != plays[2]


def test_a_repeated_block_is_the_same_in_everything():
    source = faulty("repeat:every=4ms")
    blocks = collect(source)
    again = [(a, b) for a, b in pairwise(blocks) if a.first_sample == b.first_sample]
    assert len(again) == source.counts["repeat"] == 4
    assert all(np.array_equal(a.data, b.data) for a, b in again)


@settings(max_examples=25, deadline=None)
@given(block=st.integers(1, 3000), samples=st.integers(1, 900), rate=st.floats(0.01, 1))
def test_short_and_empty_blocks_lose_nothing_however_they_are_cut(block, samples, rate):
    blocks = collect(faulty(f"short:rate={rate}:samples={samples},empty:rate={rate}", samples=5000, block=block))
    assert np.array_equal(np.concatenate([b.data for b in blocks]), ramp(SHEET, 0, 5000))
    assert all(a.end_sample == b.first_sample for a, b in pairwise(blocks))


def test_a_lent_buffer_is_overwritten_by_the_next_read():
    source = faulty("reuse")
    source.start()
    first = source.read()
    held = first.data.copy()
    assert first.borrowed and np.array_equal(held, ramp(SHEET, 0, 1000))
    source.read()
    assert not np.array_equal(first.data, held)


@pytest.mark.parametrize(("instrument", "wrong"), [(STRETCH, np.uint8), (SHEET, np.uint16)])
def test_the_format_changes_to_offset_binary_and_back(instrument, wrong):
    period_s = 10_000 / instrument.sample_rate_hz
    blocks = collect(faulty(f"format:every={period_s * 1e6}us", instrument=instrument))
    kinds = {block.data.dtype for block in blocks}
    assert kinds == {np.dtype(wrong), instrument.digitizer.dtype}
    block = next(block for block in blocks if block.data.dtype == wrong)
    signed = block.data.astype(int) + instrument.digitizer.lowest
    assert np.array_equal(signed, ramp(instrument, block.first_sample, 1000))


def test_swapped_channels_are_turned_round_and_one_channel_cannot_be():
    blocks = collect(faulty("swap:at=10ms"))
    assert np.array_equal(blocks[-1].data[:, ::-1], ramp(SHEET, 99_000, 1000)) and holds_ramp(blocks[:50])
    with pytest.raises(ConfigError, match="one channel"):
        faulty("swap:at=1s", instrument=STRETCH)


def test_a_clipped_block_is_at_the_end_of_the_range_and_no_other_is():
    blocks = collect(faulty("clip:at=10ms"))
    assert (blocks[50].data == SHEET.digitizer.highest).all() and holds_ramp(blocks[:50] + blocks[51:])


@pytest.mark.parametrize(("text", "ahead"), [("unlock:at=10ms", 10), ("unlock:at=10ms:samples=200", 200)])
def test_an_unlocked_clock_falls_behind_the_signal_by_the_end_of_its_block(text, ahead):
    blocks = collect(faulty(text))
    late = blocks[50].first_sample + np.arange(1000) - blocks[50].data[:, 0].astype(int) + blocks[50].data[0, 0]
    late -= blocks[50].first_sample
    assert late[0] == 0 and late[-1] in (ahead, ahead - 1) and set(np.diff(late)) == {0, 1}
    assert blocks[50].n_samples == 1000 and holds_ramp(blocks[:50] + blocks[51:])


def test_time_stamps_wrap_at_forty_bits_and_return_to_zero():
    stamps = np.array([block.device_ticks for block in collect(faulty("wrap:at=10ms"))])
    assert stamps[48] == (1 << 40) - 1000 and stamps[49] == 0 and stamps[99] == 50_000
    stamps = np.array([block.device_ticks for block in collect(faulty("reset:every=10ms"))])
    assert list(stamps[49:52]) == [50_000, 0, 1000]


def test_a_late_block_comes_to_a_patient_reader_and_an_idle_device_to_none():
    source = faulty("late:at=1ms:by=150ms")
    source.start()
    began = time.monotonic()
    assert [source.read(5.0).first_sample for _ in range(7)][-1] == 6000
    assert 0.15 <= time.monotonic() - began < 1
    source = faulty("idle:at=1ms:for=150ms")
    source.start()
    for _ in range(5):
        source.read()
    began, times = time.monotonic(), 0
    while True:
        try:
            assert source.read(0.001).first_sample == 5000
            break
        except SourceTimeout:
            times += 1
    assert times > 64 and time.monotonic() - began >= 0.15


def test_stop_ends_a_pause_at_once():
    source = faulty("late:at=0s:by=30s")
    source.start()
    threading.Timer(0.1, source.stop).start()
    began = time.monotonic()
    with pytest.raises(EndOfStream):
        source.read(20.0)
    assert time.monotonic() - began < 1


def test_an_overrun_ends_the_epoch_and_a_new_start_goes_on_behind_what_was_lost():
    source = faulty("overrun:at=10ms")
    source.start()
    with pytest.raises(Overrun):
        for _ in range(100):
            last = source.read()
    assert last.end_sample == 50_000
    with pytest.raises(EndOfStream):
        source.read()
    again = collect(source)
    assert (again[0].first_sample, again[-1].end_sample, again[0].epoch) == (0, 49_000, last.epoch + 1)
    assert np.array_equal(again[0].data, ramp(SHEET, 51_000, 1000))
    assert (source.counts, source.samples_lost) == ({"overrun": 1}, {"overrun": 1000})


def test_the_truth_follows_every_start_after_an_overrun():
    source = faulty("overrun:every=4ms,lose:at=9ms", samples=50_000)
    blocks = collect_restarting(source)
    truth = source.truth()
    ends = {block.epoch: block.end_sample for block in blocks}
    assert list(ends) == [0, 1, 2] and source.counts == {"overrun": 2, "lose": 1}
    base = {0: 0, 1: 21_000, 2: 41_000}
    shift = np.array([base[epoch] for epoch in truth["epoch"].tolist()])
    on_signal = np.arange(500.0, 50_000, 1000)
    on_signal[45], on_signal[46:] = 45_000, on_signal[46:] - 1000
    assert np.array_equal(truth["tick"] + shift, on_signal)
    assert np.array_equal(np.unique(truth["epoch"], return_index=True)[1], [0, 21, 41])


def collect_restarting(source):
    """Read to the end, and start again after every overrun."""
    blocks = []
    source.start()
    while True:
        try:
            blocks.append(source.read(1.0))
        except Overrun:
            source.start()
        except EndOfStream:
            return blocks


def test_a_device_that_is_gone_stays_gone():
    source = faulty("gone:at=10ms")
    with pytest.raises(DeviceLost):
        collect(source)
    for again in (source.read, source.start):
        with pytest.raises(DeviceLost):
            again()


def test_a_stream_of_which_all_is_lost_is_idle_until_its_end():
    source = faulty("drop:rate=1", samples=100_000_000)
    source.start()
    with pytest.raises(SourceTimeout, match="was lost"):
        source.read(0.05)
    source.stop()
    with pytest.raises(EndOfStream):
        source.read(0.05)


ANY = [f"{name}:rate=0.2" for name in ("drop", "lose", "swap", "format", "reset", "short", "repeat", "reuse", "empty")]


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(
        st.sampled_from([*ANY, "drop:rate=0.1:samples=170", "lose:every=1ms:samples=40"]), min_size=1, max_size=6
    )
)
def test_any_faults_together_account_for_every_sample(texts):
    source = faulty(",".join(texts), seed=7, samples=20_000, block=100)
    blocks = collect(source)
    given = sum(block.n_samples for block in blocks)
    lost = sum(source.samples_lost.values())
    again = [b.n_samples for a, b in pairwise(blocks) if b.n_samples and b.first_sample < a.end_sample]
    assert given - sum(again) + lost == 20_000
    if not source.counts.get("lose") and not again:
        assert sum(block.lost_before for block in blocks) == lost


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("explode:at=1s", "There is no fault 'explode'; use one of drop"),
        ("drop", "Say when the fault 'drop' happens"),
        ("drop:rate=-1", "no probability"),
        ("drop:rate=2", "no probability"),
        ("drop:at=1", "with its unit"),
        ("drop:at=-1s", "no time"),
        ("drop:every=0s", "must be above 0"),
        ("drop:at=1s:rate=0.1", "two schedules"),
        ("drop:at=1s:at=2s", "says at twice"),
        ("drop:at=1s:samples=0", "no number of samples"),
        ("drop:at=1s:by=1s", "has no option 'by=1s'; it takes rate, at, every, samples"),
        ("late:at=1s:by=0s", "must be above 0"),
        ("wrap:rate=0.1", "Say when the fault 'wrap' happens, with at="),
        ("drop:at=1s,,", "There is no fault ''"),
    ],
)
def test_nonsense_is_refused_in_one_sentence(text, sentence):
    with pytest.raises(ConfigError, match=sentence) as refused:
        parse_faults(text)
    assert "\n" not in str(refused.value)


def test_every_fault_says_what_it_does():
    assert all(kind.__doc__ and "Attributes" not in kind.__doc__.splitlines()[0] for kind in FAULTS.values())


def test_the_page_names_every_fault_and_option():
    page = (Path(__file__).parents[2] / "docs" / "driver-faults.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)$", page, flags=re.MULTILINE))
    assert rows.keys() == FAULTS.keys()
    for name, kind in FAULTS.items():
        assert all(f"`{word}=`" in rows[name] for word in kind.OPTIONS)
    for text in re.findall(r"fault[= ]([\w:=.,-]+)", page.split("```")[1]):
        assert parse_faults(text)
