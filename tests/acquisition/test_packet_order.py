"""Packets that a network exchanged, doubled or lost give the right samples at the right ticks, and the right counts."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packet_sender import SHEET, STRETCH, data_packet, packet, packets_of, ramp

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import DeviceLost, EndOfStream, Overrun
from acquisition.network_messages import Data, End, Hello, Status, StatusCode
from acquisition.packet_order import PacketOrder
from acquisition.packet_stream import PacketStream


@st.composite
def journeys(draw):
    """What a network may make of packets: their window, and the numbers in the order in which they come."""
    window, count, first = draw(st.integers(1, 12)), draw(st.integers(1, 80)), draw(st.sampled_from([0, 1, 77]))
    lost = draw(st.sets(st.integers(0, count - 1), max_size=count - 1))
    copies = {k: draw(st.sampled_from([1, 1, 1, 2, 3])) for k in range(count) if k not in lost}
    # A packet is overtaken by fewer than `window` others when its delay is below that.
    sent = [
        (k + draw(st.floats(0, window - 1, exclude_max=window > 1)), k) for k, n in copies.items() for _ in range(n)
    ]
    return window, first, count, [first + k for _, k in sorted(sent)]


@settings(max_examples=150, deadline=None)
@given(journeys())
def test_every_packet_comes_out_once_and_in_order(journey):
    window, _, _, arrivals = journey
    order = PacketOrder(window)
    got = [ordered for number in arrivals for ordered in order.push(number, number)] + order.flush()
    numbers = [ordered.item for ordered in got]
    assert numbers == sorted(set(arrivals))
    assert (order.duplicates, order.late, order.restarts) == (len(arrivals) - len(numbers), 0, 0)
    expected = [0, *(b - a - 1 for a, b in pairwise(numbers))]
    assert [ordered.missing for ordered in got] == expected and order.lost == sum(expected)


@settings(max_examples=60, deadline=None)
@given(journeys(), st.integers(1, 400))
def test_the_samples_are_at_their_ticks_and_every_loss_has_its_size(journey, block_bytes):
    window, first, _, arrivals = journey
    sizes = np.random.default_rng(len(arrivals)).integers(1, 40, 100)
    ticks = np.cumsum(np.r_[1000, sizes])
    stream = PacketStream(SHEET, epoch=3, window=window, block_bytes=block_bytes)
    blocks = []
    for number in arrivals:
        blocks += stream.push(data_packet(number, ticks[number - first], sizes[number - first]))
    blocks += stream.settle()
    came = sorted({number - first for number in arrivals})
    assert all(np.array_equal(block.data, ramp(SHEET, block.first_sample, block.n_samples)) for block in blocks)
    assert {block.epoch for block in blocks} == {3}
    assert sum(block.n_samples for block in blocks) == sum(sizes[k] for k in came)
    lost = sum(sizes[k] for k in range(came[0], came[-1]) if k not in came)
    assert sum(block.lost_before for block in blocks) == lost == stream.counts.samples_lost
    for before, after in pairwise(blocks):
        assert after.first_sample - before.end_sample == after.lost_before
    counts = stream.counts
    assert (counts.packets, counts.duplicates) == (len(arrivals), len(arrivals) - len(came))
    assert counts.lost == came[-1] - came[0] + 1 - len(came) and counts.malformed == counts.late == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=200), st.integers(1, 10))
def test_whatever_comes_is_given_once_or_counted(arrivals, window):
    order = PacketOrder(window, restart_after=1000)
    got = [ordered.item for number in arrivals for ordered in order.push(number, number)]
    got += [ordered.item for ordered in order.flush()]
    assert got == sorted(set(got))
    assert len(got) + order.duplicates + order.late == len(arrivals)
    assert all(count == 1 for count in Counter(got).values())
    if got:
        assert order.lost == got[-1] - got[0] + 1 - len(got)


def test_a_packet_that_comes_too_late_is_counted_and_its_copy_is_a_duplicate():
    order = PacketOrder(window=3)
    got = [ordered.item for number in (0, 1, 3, 4, 5, 2, 2, 6) for ordered in order.push(number, number)]
    assert got == [0, 1, 3, 4, 5, 6]
    assert (order.lost, order.late, order.duplicates) == (1, 1, 1)


def test_a_sender_that_begins_anew_loses_nothing():
    order = PacketOrder(window=4, restart_after=5)
    numbers = [*range(100, 120), *range(40)]
    got = [ordered for number in numbers for ordered in order.push(number, number)]
    assert [ordered.item for ordered in got] == numbers
    assert [ordered.item for ordered in got if ordered.restarted] == [0]
    assert (order.restarts, order.lost, order.late, order.duplicates) == (1, 0, 0, 0)


def test_one_packet_with_a_number_from_nowhere_does_not_end_the_stream():
    order = PacketOrder(window=4, restart_after=5)
    numbers = [*range(20), 1 << 62, *range(20, 60)]
    got = [ordered.item for number in numbers for ordered in order.push(number, number)]
    assert got == numbers


def test_a_jump_or_an_unsaid_loss_or_a_new_epoch_stands_before_its_block():
    stream = PacketStream(SHEET)
    made = [
        stream.push(data_packet(0, 0, 10)),
        stream.push(data_packet(1, 10, 10)),
        stream.push(data_packet(2, 50, 10, lost_before=30)),
        stream.push(data_packet(3, 60, 10, lost_before=UNKNOWN_LOSS)),
        stream.push(data_packet(4, 0, 10, epoch=1)),
        stream.push(data_packet(5, 5, 10, epoch=1)),
        stream.settle(),
    ]
    blocks = [block for part in made for block in part]
    assert [(b.first_sample, b.n_samples, b.lost_before, b.epoch) for b in blocks] == [
        (0, 20, 0, 0),
        (50, 10, 30, 0),
        (60, 10, UNKNOWN_LOSS, 0),
        (0, 10, 0, 1),
        (5, 10, 0, 2),
    ]
    assert (stream.counts.samples_lost, stream.counts.unknown_losses) == (30, 1)


def test_what_does_not_fit_is_counted_and_changes_nothing():
    stream = PacketStream(SHEET)
    one_channel = Block(np.zeros((5, 1), np.int16), 0)
    wrong = [
        np.zeros(3, np.uint8),
        np.frombuffer(b"GET / HTTP/1.1\r\nHost: somewhere\r\n", np.uint8),
        data_packet(0, 0, 10)[:-1],
        np.r_[data_packet(0, 0, 10), np.uint8(0)],
        packet(Data(one_channel), 0),
        packet(Data(Block(np.zeros((5, 2), np.int8), 0)), 0),
    ]
    for count, datagram in enumerate(wrong, 1):
        assert stream.push(datagram) == [] and stream.counts.malformed == count
        assert stream.refusal
    assert stream.push(data_packet(0, 0, 10)) == []
    (block,) = stream.settle()
    assert (block.n_samples, block.lost_before) == (10, 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=120), max_size=5), st.data())
def test_nothing_that_a_stranger_sends_raises_or_goes_uncounted(strange, data):
    stream, got, sent = PacketStream(SHEET, window=3), [], 0
    for number in range(6):
        datagram = data_packet(number, 10 * number, 10).copy()
        if data.draw(st.booleans()):
            datagram[data.draw(st.integers(0, len(datagram) - 1))] = data.draw(st.integers(0, 255))
        got += stream.push(datagram)
        sent += 1
    for rubbish in strange:
        malformed = stream.counts.malformed
        assert stream.push(np.frombuffer(b"LTLN" + rubbish, np.uint8)) == []
        assert stream.counts.malformed == malformed + 1 and stream.refusal
        sent += 1
    got += stream.settle()
    counts = stream.counts
    assert counts.packets == sent
    samples = sum(item.n_samples for item in got if isinstance(item, Block))
    left_out = counts.malformed + counts.duplicates + counts.late
    assert samples <= 10 * (sent - left_out)
    for block in got:
        assert isinstance(block, Block | DeviceLost | EndOfStream | Overrun)
        if isinstance(block, Block):
            assert block.data.shape == (block.n_samples, 2) and block.data.dtype == np.int16


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (End("done"), EndOfStream),
        (Status(StatusCode.OVERRUN), Overrun),
        (Status(StatusCode.DEVICE_LOST, "no clock"), DeviceLost),
    ],
)
def test_the_end_comes_after_the_samples_before_it(message, error):
    stream = PacketStream(SHEET, window=4)
    assert stream.push(data_packet(1, 10, 10)) == []
    assert stream.push(packet(Status(StatusCode.IDLE), 2)) == []
    block, end = stream.push(packet(message, 3)) + stream.push(data_packet(0, 0, 10))
    assert isinstance(block, Block) and block.n_samples == 20
    assert isinstance(end, error)


def test_another_instrument_at_the_same_port_ends_the_stream():
    (end,) = PacketStream(SHEET).push(packet(Hello(instrument=STRETCH), 0))
    assert isinstance(end, DeviceLost)


def test_a_hello_stands_outside_the_count():
    stream = PacketStream(SHEET)
    hello = packet(Hello(instrument=SHEET), 0)
    for datagram in packets_of(SHEET, samples=100, size=10):
        assert stream.push(hello) == []
        stream.push(datagram)
    counts = stream.counts
    assert (counts.packets, counts.duplicates, counts.lost, counts.malformed) == (20, 0, 0, 0)


@pytest.mark.parametrize(("instrument", "wire"), [(SHEET, np.uint16), (STRETCH, np.uint8)])
def test_offset_binary_becomes_signed(instrument, wire):
    samples = (ramp(instrument, 0, 300).astype(int) - instrument.digitizer.lowest).astype(wire)
    stream = PacketStream(instrument)
    stream.push(packet(Data(Block(samples, 0)), 0))
    (block,) = stream.settle()
    assert block.data.dtype == instrument.digitizer.dtype and np.array_equal(block.data, ramp(instrument, 0, 300))
