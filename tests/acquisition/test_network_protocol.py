"""Bytes become messages however they are cut, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.block import Block
from acquisition.errors import ConfigError, ProtocolError
from acquisition.network_address import Address, parse_address
from acquisition.network_messages import Data, End, Hello, Start, Status, StatusCode, TruthRows, decode, encode
from acquisition.network_protocol import HEADER, LIMITS, MAGIC, Decoder, MessageType, SampleFormat, pack_header
from acquisition.network_truth import row_chunks
from acquisition.origin import Origin
from acquisition.presets import instrument_preset

SHEET = instrument_preset("sheet-ci")
BLOCK = Block(
    np.arange(-20, 20, dtype=np.int16).reshape(20, 2),
    first_sample=(1 << 40) + 3,
    epoch=7,
    lost_before=-1,
    clipped=np.array([0, 20]),
    fill=0.5,
    host_time_ns=1_700_000_000_000_000_000,
    device_ticks=(1 << 40) - 1,
)
TRUTH = {
    "cell": np.arange(3),
    "kind": np.array([b"a", b"bb", b""]),
    "tick": np.array([1.5, 2, np.inf]),
    "lobe_um": np.zeros((3, 2, 3), np.float32),
    "is_cell": np.array([True, False, True]),
}
HELLO = Hello(instrument=SHEET, origin=Origin.SIMULATED, description="a ramp", waits=True, total_samples=5)
MESSAGES = [HELLO, Start(), Data(BLOCK), TruthRows(TRUTH, True), Status(StatusCode.OVERRUN, "zu spät"), End("done")]


def wire(messages) -> bytes:
    return b"".join(b"".join(encode(message, place)) for place, message in enumerate(messages))


def decoded(data: bytes) -> list:
    return [decode(*message) for message in Decoder().feed(data)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=60))
def test_messages_come_out_however_the_bytes_are_cut(cuts):
    data, decoder, got, at = wire(MESSAGES), Decoder(), [], 0
    for cut in [*cuts, len(data)]:
        got += [decode(*message) for message in decoder.feed(data[at : at + cut])]
        at += cut
    hello, start, block, truth, status, end = got
    assert (hello, start, status, end) == (HELLO, Start(), MESSAGES[4], MESSAGES[5])
    assert block.format is SampleFormat.INT16 and np.array_equal(block.block.data, BLOCK.data)
    for name in ("first_sample", "epoch", "lost_before", "fill", "host_time_ns", "device_ticks"):
        assert getattr(block.block, name) == getattr(BLOCK, name)
    assert list(block.block.clipped) == [0, 20]
    assert truth.replace and truth.columns.keys() == TRUTH.keys()
    for name, column in TRUTH.items():
        assert truth.columns[name].dtype == column.dtype and np.array_equal(truth.columns[name], column)


def test_what_a_block_does_not_know_stays_unknown():
    (data,) = decoded(wire([Data(Block(np.zeros((0, 1), np.int8), 0))]))
    assert data.block.n_samples == 0 and data.format is SampleFormat.INT8
    assert (data.block.clipped, data.block.fill, data.block.device_ticks) == (None, None, None)


def test_samples_are_not_copied_out_of_the_message():
    decoder = Decoder()
    (message,) = decoder.feed(wire([Data(BLOCK)]))
    assert decode(*message).block.data.base is not None
    assert np.shares_memory(decode(*message).block.data, message[1])


def header(**fields) -> bytes:
    values = {"magic": MAGIC, "version": 1, "type": 3, "flags": 0, "length": 0, "reserved": 0, "sequence": 0, **fields}
    return HEADER.pack(*values.values())


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", "begins with b'GET '"),
        (header(version=2), "version 2"),
        (header(type=99), "no message type 99"),
        (header(length=LIMITS[MessageType.DATA] + 1), "longer than"),
        (header(sequence=4), "Message 4 came where message 0"),
        (header(length=5) + bytes(5), "shorter than its own header"),
        (header(length=48) + bytes(48), "format 0"),
        (header(type=1, length=2) + b"{}", "HELLO message is not valid: instrument"),
        (header(type=4, length=1) + b"\xc0", "not a table"),
        (header(type=5, length=4) + b"\x09\x00\x00\x00", "no status 9"),
    ],
)
def test_what_is_not_of_the_protocol_is_refused_in_one_sentence(data, sentence):
    with pytest.raises(ProtocolError, match=sentence) as refused:
        decoded(data)
    assert "\n" not in str(refused.value)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_is_refused_or_harmless_but_never_something_else(data):
    wrong = bytearray(wire(MESSAGES))
    for _ in range(data.draw(st.integers(1, 4))):
        wrong[data.draw(st.integers(0, len(wrong) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded(bytes(wrong))
    except ProtocolError as refused:
        assert "\n" not in str(refused)


def test_messages_that_are_too_long_are_not_sent():
    with pytest.raises(ProtocolError, match="at most"):
        pack_header(MessageType.END, 0, 5000, 0)


def test_a_long_truth_goes_in_parts_that_fit():
    truth = {"cell": np.arange(5_000_000), "tick": np.arange(5e6)}
    parts = list(row_chunks(truth))
    assert len(parts) > 3 and all(encode(TruthRows(part), 0) for part in parts)
    assert np.array_equal(np.concatenate([part["cell"] for part in parts]), truth["cell"])


def test_addresses():
    assert parse_address("//127.0.0.1:5555") == Address("127.0.0.1", 5555) == parse_address("tcp://127.0.0.1:5555")
    assert str(parse_address("tcp://[::1]:80")) == "tcp://[::1]:80" and parse_address("//[::1]:80").is_local
    assert parse_address("tcp://a.example:0", any_port=True).port == 0
    for wrong in ("", "127.0.0.1:5555", "//:5555", "//a", "//a:0", "//a:70000", "//a:x", "http://a:1", "//a:1/b"):
        with pytest.raises(ConfigError, match="no address"):
            parse_address(wrong)
