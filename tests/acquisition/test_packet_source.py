"""Packets over a real socket are a source like any other, and what is lost on the way is counted."""

from __future__ import annotations

import re
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from packet_sender import SHEET, STRETCH, data_packet, packet, packets_of, ramp, scripted, sending

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import ConfigError, DeviceLost, EndOfStream, SourceTimeout
from acquisition.network_address import Address
from acquisition.network_messages import End, Hello, Status, StatusCode
from acquisition.origin import Origin
from acquisition.packet_queue import BlockQueue
from acquisition.packet_source import UdpSource, open_udp
from acquisition.source import open_source
from acquisition.testing import (
    CHECKS,
    IDLE_CHECKS,
    OVERRUN_CHECKS,
    RAMP_CHECKS,
    check_no_thread_stays,
    check_nothing_leaks,
)

ANY = Address("127.0.0.1", 0, "udp")
PAGE = Path(__file__).parents[2] / "docs" / "network-protocol.md"


def send(port: int, *packets: np.ndarray) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in packets:
            sender.sendto(datagram, ("127.0.0.1", port))


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def read_all(source: UdpSource, *packets: np.ndarray) -> list[Block]:
    """What a started source gives of packets that end with an END."""
    send(source.address.port, *packets)
    got = []
    while True:
        try:
            got.append(source.read(2.0))
        except EndOfStream:
            return got


@pytest.fixture(scope="module")
def live():
    """A free port that a digitizer sends to without an end."""
    port = free_port()
    with sending(port, hello=packet(Hello(instrument=SHEET), 0)):
        yield port


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_packets_are_a_source_like_any_other(live, check):
    check(lambda: open_source(f"udp://127.0.0.1:{live}?instrument=sheet-ci"))


@pytest.mark.parametrize("check", RAMP_CHECKS, ids=lambda check: check.__name__)
def test_packets_keep_ticks_channels_and_signs(live, check):
    check(lambda: open_udp(f"//127.0.0.1:{live}", instrument="sheet-ci"))


def test_a_hundred_starts_leave_nothing(live):
    for check in (check_no_thread_stays, check_nothing_leaks):
        check(lambda: open_udp(f"//127.0.0.1:{live}", instrument="sheet-ci"), 100)


@pytest.mark.parametrize("check", IDLE_CHECKS, ids=lambda check: check.__name__)
def test_a_pause_of_the_packets_is_not_the_end(check):
    def script(number):
        for k in range(number, number + 100):
            yield data_packet(k, 100 * k, 100)
            yield 0.001
        yield 0.6

    with scripted(port := free_port(), script):
        check(lambda: open_udp(f"//127.0.0.1:{port}", instrument="sheet-ci"))


@pytest.mark.parametrize("check", OVERRUN_CHECKS, ids=lambda check: check.__name__)
def test_an_overrun_that_a_packet_says_ends_the_epoch(check):
    # A second between overruns: a port that is joined late, on a busy computer, still gets samples before the next.
    def script(number):
        for k in range(number, number + 1000):
            yield data_packet(k, 100 * (k - number), 100, epoch=number)
            yield 0.001
        yield packet(Status(StatusCode.OVERRUN), number + 1000)

    with scripted(port := free_port(), script):
        check(lambda: open_udp(f"//127.0.0.1:{port}", instrument="sheet-ci"))


def test_a_sender_that_says_what_it_is_needs_no_option():
    hello = packet(Hello(instrument=STRETCH, origin=Origin.SIMULATED, description="a board"), 0)
    port = free_port()
    with sending(port, hello=hello), open_source(f"udp://127.0.0.1:{port}") as source:
        assert (source.instrument, source.origin, source.waits) == (STRETCH, Origin.SIMULATED, False)
        assert source.description.startswith(f"a board, packets to udp://127.0.0.1:{port}")


def test_exchanged_doubled_and_lost_packets_are_put_right_and_counted():
    sent = packets_of(SHEET, 200_000, 2000)
    sent[3], sent[5] = sent[5], sent[3]
    sent.insert(20, sent[18])
    del sent[50:53]
    with UdpSource(ANY, SHEET) as source:
        source.start()
        got = read_all(source, *sent, packet(End(), 100))
        counts = source.counts
    assert all(np.array_equal(block.data, ramp(SHEET, block.first_sample, block.n_samples)) for block in got)
    assert sum(block.n_samples for block in got) == 194_000
    assert [block.lost_before for block in got if block.lost_before] == [6000]
    # Packets 4 and 3 came after 5.
    assert (counts.reordered, counts.duplicates, counts.lost, counts.late) == (2, 1, 3, 0)
    assert (counts.samples_lost, counts.packets, counts.malformed) == (6000, 99, 0)


def test_a_pause_is_a_time_out_and_samples_do_not_wait_for_more():
    with UdpSource(ANY, SHEET) as source:
        source.start()
        send(source.address.port, data_packet(0, 0, 100))
        assert source.read(2.0).n_samples == 100
        with pytest.raises(SourceTimeout, match="No samples came"):
            source.read(0.05)
        send(source.address.port, data_packet(1, 100, 10, STRETCH))
        with pytest.raises(SourceTimeout, match="1 packets do not fit: A packet has 1 channels"):
            source.read(0.1)
        send(source.address.port, data_packet(1, 100, 100))
        assert source.read(2.0).first_sample == 100


def test_what_came_before_the_start_is_forgotten():
    with UdpSource(ANY, SHEET) as source:
        send(source.address.port, *packets_of(SHEET, 1000, 100))
        source.start()
        (block,) = read_all(source, data_packet(10, 1000, 100), packet(End(), 11))
    assert (block.first_sample, block.lost_before) == (1000, 0)


def test_a_reader_that_does_not_read_loses_blocks_with_their_count():
    with UdpSource(ANY, SHEET, queue_blocks=2) as source:
        source.start()
        for number in range(5):
            send(source.address.port, data_packet(number, 100 * number, 100))
            time.sleep(0.1)
        send(source.address.port, packet(End(), 5))
        time.sleep(0.1)
        got = read_all(source)
        assert source.counts.samples_unread == 300
    assert [(b.first_sample, b.n_samples, b.lost_before) for b in got] == [(0, 100, 0), (100, 100, 0), (500, 0, 300)]


def test_a_full_queue_adds_its_losses_to_those_of_the_network():
    queue = BlockQueue(1)
    for first, lost in ((0, 0), (10, 0), (30, 10)):
        queue.put(Block(ramp(SHEET, first, 10), first, lost_before=lost))
    queue.get(0)
    queue.put(Block(ramp(SHEET, 45, 10), 45, lost_before=5))
    assert (queue.get(0).lost_before, queue.samples_unread) == (35, 20)
    for epoch in (0, 0, 1):
        queue.put(Block(ramp(SHEET, 0, 10), 0, epoch))
        if epoch == 0 and queue.samples_unread == 30:
            queue.get(0)
    assert queue.get(0).lost_before == UNKNOWN_LOSS


def test_an_address_or_option_that_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match=r"udp://127\.0\.0\.1:5555"):
        open_udp("//nowhere")
    for option in ({"window": "0"}, {"buffer_mb": "much"}, {"speed": "2"}):
        with pytest.raises(ConfigError):
            open_udp("//127.0.0.1:5556", instrument="sheet-ci", **option)
    with UdpSource(ANY, SHEET) as source, pytest.raises(ConfigError, match="cannot be received"):
        UdpSource(source.address, SHEET)
    with pytest.raises(DeviceLost, match=r"No HELLO came.*instrument="):
        UdpSource(ANY, hello_s=0.05)


def test_a_buffer_that_the_system_did_not_give_is_said():
    with UdpSource(ANY, SHEET, receive_bytes=1 << 16) as small, UdpSource(ANY, SHEET, receive_bytes=1 << 30) as large:
        assert small.receive_buffer_bytes >= 1 << 16 and "rmem_max" not in small.description
        if large.receive_buffer_bytes < 1 << 30:
            assert "net.core.rmem_max" in large.description


def test_the_example_of_the_page_is_a_digitizer():
    _, code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert "acquisition" not in code and "numpy" not in code
    example: dict = {"__name__": "example"}
    exec(compile(code, "docs/network-protocol.md", "exec"), example)
    with UdpSource(ANY, SHEET) as source:
        thread = threading.Thread(target=example["stream"], args=(("127.0.0.1", source.address.port), 50))
        source.start()
        thread.start()
        got = read_all(source)
        thread.join(5)
    ticks = np.arange(50 * 2000) % 4096 - 2048
    joined = np.concatenate([block.data for block in got])
    assert all(np.array_equal(column, ticks) for column in joined.T)
