"""The thread between a UDP port and the queue to the reader."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from acquisition.errors import SourceError
from acquisition.packet_queue import BlockQueue
from acquisition.packet_socket import PacketSocket
from acquisition.packet_stream import PacketCounts, PacketStream
from acquisition.precedence import come_first

SETTLE_S = 0.02
"""Silence after which a missing packet is given up, and age at which a block is given though it is not full."""
GIVE_UP_S = 0.25
"""Age at which a missing packet is given up though others go on to come, slowly: far longer than a network delays one,
and than the system keeps this thread waiting with packets at the port."""
QUEUE_BLOCKS = 128


class Receiver:
    """Takes packets off a port as fast as they come, from `start` to `stop` or the stream's end.

    Parameters
    ----------
    port
        Stays open when the thread ends.
    stream
        That makes blocks of the packets.
    queue_blocks
        Blocks that wait for the reader; more are lost, and counted.
    """

    def __init__(self, port: PacketSocket, stream: PacketStream, queue_blocks: int = QUEUE_BLOCKS) -> None:
        self._port = port
        self._stream = stream
        self._queue = BlockQueue(queue_blocks)
        self._stopping = threading.Event()
        self._foreign = 0
        self._sender: str | None = None
        self._thread = threading.Thread(target=self._run, name="packets", daemon=True)

    @property
    def queue(self) -> BlockQueue:
        """Where the blocks are."""
        return self._queue

    @property
    def counts(self) -> PacketCounts:
        """What became of the packets so far."""
        return replace(self._stream.counts, foreign=self._foreign, samples_unread=self._queue.samples_unread)

    @property
    def epoch(self) -> int:
        """Of the newest samples."""
        return self._stream.epoch

    @property
    def refusal(self) -> str:
        """Why the last packet that did not fit was left out; empty if all fitted."""
        return self._stream.refusal

    def start(self) -> None:
        """Forget what came before, and begin."""
        self._port.drain()
        self._thread.start()

    def stop(self) -> None:
        """End it, from any thread, without waiting for the thread."""
        self._stopping.set()
        self._queue.stop()

    def join(self) -> None:
        """Wait until a stopped thread has ended."""
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        come_first()
        try:
            self._receive()
        except SourceError as error:
            self._queue.put(error)

    def _receive(self) -> None:
        given_s = time.monotonic()
        while not self._stopping.is_set():
            datagram = self._port.receive(SETTLE_S)
            now_s = time.monotonic()
            if datagram is None:
                ready = self._stream.settle()
            elif not self._is_ours():
                continue
            else:
                ready = self._stream.push(datagram)
                if not ready and now_s - given_s > SETTLE_S:
                    ready = self._stream.settle() if now_s - given_s > GIVE_UP_S else self._stream.take()
            if ready or datagram is None:
                given_s = now_s
            for delivery in ready:
                self._queue.put(delivery)
                if isinstance(delivery, SourceError):
                    return

    def _is_ours(self) -> bool:
        # A sender that was started again has another port, so only its computer tells it from others.
        if self._sender is None:
            self._sender = self._port.sender
        ours = self._sender == self._port.sender
        self._foreign += not ours
        return ours
