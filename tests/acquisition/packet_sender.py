"""A digitizer that sends packets over loopback, and what it sends."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from acquisition.block import Block
from acquisition.instrument import Instrument
from acquisition.network_messages import Data, Message, encode
from acquisition.presets import instrument_preset
from acquisition.testing import ramp

SHEET = instrument_preset("sheet-ci")
STRETCH = instrument_preset("stretch-ci")
__all__ = ["SHEET", "STRETCH", "data_packet", "packet", "packets_of", "ramp", "scripted", "sending"]


def packet(message: Message | Data, sequence: int) -> np.ndarray:
    """The datagram of a message."""
    return np.frombuffer(b"".join(encode(message, sequence)), np.uint8)


def data_packet(sequence: int, first_sample: int, n_samples: int, instrument: Instrument = SHEET, **fields):
    """A part of the ramp as a datagram."""
    samples = ramp(instrument, int(first_sample), int(n_samples))
    return packet(Data(Block(samples, int(first_sample), **fields)), sequence)


def packets_of(instrument: Instrument, samples: int, size: int, first: int = 0) -> list[np.ndarray]:
    """The ramp from its beginning, in datagrams."""
    return [data_packet(first + k, at, size, instrument) for k, at in enumerate(range(0, samples, size))]


@contextmanager
def sending(port: int, size: int = 2000, pause_s: float = 0.0005, *, hello: np.ndarray | None = None) -> Iterator[None]:
    """Send the ramp to a port without an end, as a thread; `hello` every tenth of a second."""
    over = threading.Event()

    def run() -> None:
        number, hello_s = 0, 0.0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not over.is_set():
                if hello is not None and time.monotonic() > hello_s + 0.1:
                    sender.sendto(hello, ("127.0.0.1", port))
                    hello_s = time.monotonic()
                sender.sendto(data_packet(number, number * size, size), ("127.0.0.1", port))
                number += 1
                time.sleep(pause_s)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)
        assert not thread.is_alive()


@contextmanager
def scripted(port: int, script: Callable[[int], Iterator[np.ndarray | float]]) -> Iterator[None]:
    """Send what a script gives, from its beginning again and again, as a thread; numbers are pauses in seconds.

    The script takes the sequence number of its first packet, which goes on over its repetitions.
    """
    over = threading.Event()

    def run() -> None:
        number = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not over.is_set():
                for step in script(number):
                    if isinstance(step, float):
                        over.wait(step)
                    else:
                        sender.sendto(step, ("127.0.0.1", port))
                        number += 1
                    if over.is_set():
                        return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)
        assert not thread.is_alive()
