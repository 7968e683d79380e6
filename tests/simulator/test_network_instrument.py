"""A served source is the source: same samples, same truth, same errors, over a real socket."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise

import numpy as np
import pytest
from ramp_source import SHEET, STRETCH, RampSource, collect, ramp

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import ConfigError, DeviceLost, EndOfStream, Overrun, SourceTimeout
from acquisition.network_address import Address
from acquisition.network_messages import Data, Hello, Status, StatusCode, encode
from acquisition.network_source import TcpSource, open_tcp
from acquisition.source import Source
from acquisition.testing import CHECKS, REPEATABLE_CHECKS
from simulator.faults.faulty_source import with_faults
from simulator.server import SourceServer

ANY = Address("127.0.0.1", 0)


@contextmanager
def serving(source: Source, *, live: bool = False, **options) -> Iterator[SourceServer]:
    with source:
        server = SourceServer(source, ANY, live=live, **options)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join(5)
            assert not thread.is_alive()


@contextmanager
def scripted(*chunks: bytes, hold: bool = True) -> Iterator[Address]:
    """A server that sends bytes to whoever comes, and then holds the connection or drops it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                for chunk in chunks:
                    client.sendall(chunk)
                if hold:
                    done.wait(5)
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Address("127.0.0.1", listener.getsockname()[1])
        finally:
            done.set()
            thread.join(5)


def said(*messages) -> bytes:
    return b"".join(b"".join(encode(message, place)) for place, message in enumerate(messages))


@pytest.mark.parametrize("check", [*CHECKS, *REPEATABLE_CHECKS], ids=lambda check: check.__name__)
def test_a_network_instrument_is_a_source_like_any_other(check):
    with serving(RampSource(samples=50_000)) as server:
        check(lambda: open_tcp(str(server.address)))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_live_network_instrument_is_a_source_like_any_other(check):
    with serving(RampSource(samples=500_000, speed=1.0), live=True) as server:
        check(lambda: open_tcp(str(server.address)))


def test_the_samples_the_truth_and_the_description_are_those_of_the_source():
    with RampSource(samples=123_456) as source:
        expected, truth = collect(source), source.truth()
    with serving(RampSource(samples=123_456)) as server, open_tcp(str(server.address)) as source:
        assert (source.instrument, source.total_samples, source.waits) == (SHEET, 123_456, True)
        assert source.origin is RampSource.origin and "a ramp" in source.description
        got = collect(source)
        same = [
            (a.first_sample, a.epoch, a.lost_before) == (b.first_sample, b.epoch, b.lost_before)
            for a, b in zip(got, expected, strict=True)
        ]
        assert all(same) and all(np.array_equal(a.data, b.data) for a, b in zip(got, expected, strict=True))
        said_truth = source.truth()
        assert said_truth.keys() == truth.keys() and all(np.array_equal(said_truth[k], truth[k]) for k in truth)


def test_clients_one_after_the_other_get_the_stream_from_its_beginning():
    with serving(RampSource(samples=5000)) as server:
        plays = []
        for _ in range(3):
            with open_tcp(str(server.address)) as source:
                plays.append([(b.epoch, b.first_sample) for b in collect(source)])
    assert plays[0] == plays[1] == plays[2] and plays[0][0] == (0, 0)
    assert server.clients == 3


def test_a_client_knows_of_a_cell_as_soon_as_it_has_its_samples():
    ramp_source = RampSource(samples=1_000_000, block=100_000, speed=1.0)
    with serving(ramp_source, live=True) as server, open_tcp(str(server.address)) as source:
        source.start()
        for _ in range(5):
            block = source.read()
        assert len(source.truth()["tick"]) == 500 and block.end_sample == 500_000


def test_a_slow_client_of_a_live_source_loses_samples_with_a_count():
    whole = 2_000_000
    lines: list[str] = []
    ramp_source = RampSource(samples=whole, block=20_000, speed=10.0)
    with serving(ramp_source, live=True, queue_bytes=200_000, log=lines.append) as server:
        with open_tcp(str(server.address)) as source:
            assert not source.waits
            source.start()
            source.read()
            time.sleep(0.5)
            blocks = []
            with pytest.raises(EndOfStream):
                while True:
                    blocks.append(source.read())
        lost = sum(block.lost_before for block in blocks)
        for before, after in pairwise(blocks):
            assert after.first_sample - before.end_sample == after.lost_before
        assert blocks[-1].end_sample == whole
        assert all(np.array_equal(b.data, ramp(SHEET, b.first_sample, b.n_samples)) for b in blocks)
    assert lost == server.samples_dropped > 0 and f"{lost} samples were lost" in lines[0]


@pytest.mark.parametrize(
    ("fault", "error", "lost"),
    [
        ("overrun:at=2ms", Overrun, 0),
        ("gone:at=2ms", DeviceLost, 0),
        ("lose:at=2ms", EndOfStream, UNKNOWN_LOSS),
        ("drop:at=19.9ms", EndOfStream, 1000),
    ],
)
def test_what_goes_wrong_at_the_instrument_is_told_over_the_network(fault, error, lost):
    with serving(with_faults(RampSource(), fault, 1)) as server, open_tcp(str(server.address)) as source:
        source.start()
        losses = []
        with pytest.raises(error):
            while True:
                losses.append(source.read().lost_before)
        assert sum(losses) == lost
        with pytest.raises(DeviceLost if error is DeviceLost else EndOfStream):
            source.read()


def test_a_device_that_is_gone_is_so_for_the_next_client_too_and_the_server_lives():
    with serving(with_faults(RampSource(), "gone:at=2ms", 1)) as server:
        for _ in range(3):
            with open_tcp(str(server.address)) as source, pytest.raises(DeviceLost, match="injected"):
                collect(source)


def test_after_an_overrun_a_new_start_goes_on_in_the_next_epoch():
    with serving(with_faults(RampSource(), "overrun:at=2ms", 1)) as server, open_tcp(str(server.address)) as source:
        with pytest.raises(Overrun):
            collect(source)
        blocks = collect(source)
        assert {block.epoch for block in blocks} == {1} and blocks[-1].end_sample == 89_000
        truth = source.truth()
        assert truth is not None and np.array_equal(truth["tick"] + 11_000 * truth["epoch"], np.arange(500, 1e5, 1000))


def test_offset_binary_becomes_signed():
    for instrument, kind in ((STRETCH, np.uint8), (SHEET, np.uint16)):
        samples = ramp(instrument, 0, 500)
        unsigned = (samples.astype(int) - instrument.digitizer.lowest).astype(kind)
        sent = said(Hello(instrument=instrument), Data(Block(unsigned, 0)))
        with scripted(sent) as address, TcpSource(address) as source:
            source.start()
            block = source.read()
            assert block.data.dtype == samples.dtype and np.array_equal(block.data, samples)


def test_a_connection_that_breaks_is_a_lost_device_not_an_end():
    cut = said(Hello(instrument=SHEET), Data(Block(ramp(SHEET, 0, 500), 0)))[:-7]
    with scripted(cut, hold=False) as address, TcpSource(address) as source:
        source.start()
        for _ in range(2):
            with pytest.raises(DeviceLost, match="was lost"):
                source.read()


def test_an_instrument_that_promised_signs_of_life_and_is_silent_is_lost():
    with scripted(said(Hello(instrument=SHEET, keep_alive_s=0.01))) as address, TcpSource(address) as source:
        source.start()
        began = time.monotonic()
        with pytest.raises(DeviceLost, match="silent"):
            while time.monotonic() < began + 5:
                try:
                    source.read(0.05)
                except SourceTimeout:
                    continue


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not understood: A message begins with"),
        (said(Status(StatusCode.IDLE)), "does not begin with HELLO"),
        (said(Status(StatusCode.DEVICE_LOST, "The board is not plugged in.")), "The board is not plugged in."),
    ],
)
def test_what_is_no_instrument_is_refused_when_it_is_opened(sent, sentence):
    with scripted(sent) as address, pytest.raises(DeviceLost, match=sentence):
        TcpSource(address)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(np.zeros((5, 3), np.int16), "3 channels"), (np.zeros((5, 2), np.int8), "int8 samples")],
)
def test_blocks_that_do_not_fit_the_instrument_are_refused(data, sentence):
    with scripted(said(Hello(instrument=SHEET), Data(Block(data, 0)))) as address, TcpSource(address) as source:
        source.start()
        with pytest.raises(DeviceLost, match=sentence):
            source.read()


def test_nothing_there_and_nonsense_are_said_in_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with RampSource() as source, pytest.raises(ConfigError, match="another program listens"):
            SourceServer(source, Address("127.0.0.1", port), live=False)
    with pytest.raises(DeviceLost, match="No instrument answers"):
        open_tcp(f"//127.0.0.1:{port}")
    with pytest.raises(ConfigError, match="pace of a network"):
        open_tcp("//127.0.0.1:1", speed=2)


def test_a_browser_that_comes_by_mistake_harms_nobody():
    lines: list[str] = []
    with serving(RampSource(samples=5000), log=lines.append) as server:
        with socket.create_connection((server.address.host, server.address.port)) as browser:
            browser.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            browser.settimeout(5)
            with suppress(ConnectionResetError):
                while browser.recv(4096):
                    pass
        with open_tcp(str(server.address)) as source:
            assert len(collect(source)) == 5
    assert "refused" in lines[0]


def test_a_server_that_is_stopped_lets_go_of_a_client_that_does_not_read():
    with serving(RampSource(samples=50_000_000, block=100_000)) as server, open_tcp(str(server.address)) as source:
        source.start()
        time.sleep(0.3)
        began = time.monotonic()
        server.stop()
        with pytest.raises(DeviceLost):
            while True:
                source.read()
        assert time.monotonic() - began < 3
