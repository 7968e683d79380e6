"""The network: a looped buffer as a network instrument, against a bare socket that copies the same bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from acquisition.block import Block
from acquisition.errors import EndOfStream, SourceTimeout
from acquisition.instrument import Channel, Role
from acquisition.network_address import Address
from acquisition.network_source import TcpSource
from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from acquisition.source import Truth
from benchmarks import packets
from benchmarks.timing import Row, in_turn
from simulator.server import SourceServer

BLOCK_SAMPLES = 1 << 18
BLOCKS = 256


class LoopedBuffer:
    """One block of four channels of 16 bit, given again and again: a source that costs nothing."""

    waits, origin, description = True, Origin.SIMULATED, "a looped buffer"
    total_samples = BLOCKS * BLOCK_SAMPLES

    def __init__(self) -> None:
        two = instrument_preset("sheet-ci")
        more = tuple(Channel(name=f"fluorescence_{k}", role=Role.FLUORESCENCE) for k in range(2))
        self.instrument = two.model_copy(update={"channels": (*two.channels, *more)})
        samples = np.random.default_rng(0).integers(-2000, 2000, (BLOCK_SAMPLES, 4), dtype=np.int16)
        self._block = Block(samples, 0)
        self._given = self._epoch = 0
        self._stopped = threading.Event()

    def start(self) -> None:
        self._given, self._epoch = 0, self._epoch + 1
        self._stopped.clear()

    def read(self, timeout_s: float = 1.0) -> Block:  # noqa: ARG002 - the signature of every source
        if self._given == BLOCKS or self._stopped.is_set():
            raise EndOfStream("The loop has ended.")
        self._given += 1
        return replace(self._block, first_sample=(self._given - 1) * BLOCK_SAMPLES, epoch=self._epoch)

    def stop(self) -> None:
        self._stopped.set()

    def truth(self) -> Truth | None:
        return None

    def close(self) -> None:
        self._stopped.set()

    def __enter__(self) -> LoopedBuffer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def rows() -> Iterator[Row]:
    """Half a gigabyte over loopback, both ends in this process; then packets."""
    source = LoopedBuffer()
    payload = np.zeros((BLOCK_SAMPLES, 4), np.int16)
    server = SourceServer(source, Address("127.0.0.1", 0), live=False)
    serving = threading.Thread(target=server.run)
    serving.start()
    client = TcpSource(server.address)

    def ours() -> None:
        client.start()
        got = 0
        while True:
            try:
                got += client.read(1.0).n_samples
            except SourceTimeout:
                continue
            except EndOfStream:
                break
        if got != source.total_samples:
            raise RuntimeError(f"{got} samples came")

    try:
        took, _, ratio = in_turn(ours, lambda: _bare_copy(payload), rounds=3)
    finally:
        client.close()
        server.stop()
        serving.join()
    yield Row("network, four channels of 16 bit", BLOCKS * payload.nbytes / took / 1e6, "MB/s", "bare socket", ratio)
    yield from packets.rows()


def _bare_copy(payload: np.ndarray) -> None:
    """The same number of bytes from a thread through a socket into a buffer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def send() -> None:
            sender, _ = listener.accept()
            with sender:
                for _ in range(BLOCKS):
                    sender.sendall(payload.data)

        thread = threading.Thread(target=send)
        thread.start()
        with socket.create_connection(listener.getsockname()) as receiver:
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            into, left = memoryview(np.empty(payload.nbytes, np.uint8)), BLOCKS * payload.nbytes
            while left:
                left -= receiver.recv_into(into[: min(left, len(into))])
        thread.join()
