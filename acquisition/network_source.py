"""An instrument at the other end of a TCP connection as a source: the entry point `tcp`."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Self

import numpy as np

from acquisition.block import Block, Samples
from acquisition.errors import ConfigError, DeviceLost, EndOfStream, Overrun, ProtocolError, SourceError, SourceTimeout
from acquisition.instrument import Instrument
from acquisition.network_address import Address, parse_address
from acquisition.network_connection import Connection
from acquisition.network_messages import Data, End, Hello, Message, Status, StatusCode, TruthRows
from acquisition.network_truth import joined
from acquisition.offset_binary import signed_samples
from acquisition.origin import Origin
from acquisition.replay_options import parse_speed
from acquisition.source import Truth
from acquisition.truth_table import delivered


class TcpSource:
    """A network instrument as a `Source`.

    States and threads as in `Source`. It connects when it is made, to learn what the instrument is, and once more for
    every start but the first. At most one message is held: what the reader does not take waits with the sender.

    Parameters
    ----------
    address
        Where the instrument listens.

    Raises
    ------
    DeviceLost
        If no instrument answers there.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Connection | None = Connection(address)
        self._hello: Hello = self._connection.hello
        self._lock = threading.Lock()
        self._running = False
        self._stopped = threading.Event()
        self._closed = False
        self._failure: SourceError | None = None
        self._epoch_shift: int | None = None
        self._next_epoch = 0
        self._reached = (-1, 0)
        self._truth: Truth | None = None

    @property
    def instrument(self) -> Instrument:
        """The instrument, as it described itself."""
        return self._hello.instrument

    @property
    def waits(self) -> bool:
        """True if the sender said that it waits for its reader."""
        return self._hello.waits

    @property
    def origin(self) -> Origin:
        """What the sender calls its samples."""
        return self._hello.origin

    @property
    def description(self) -> str:
        """One line for people."""
        return " ".join(f"{self._hello.description or self.instrument.name} at {self._address}".split())

    @property
    def total_samples(self) -> int | None:
        """Samples until the end, where the sender knows."""
        return self._hello.total_samples

    def start(self) -> None:
        """Ask for the stream.

        Raises
        ------
        DeviceLost
            If the instrument does not answer any more, or has become another one.
        """
        with self._lock:
            if self._closed:
                raise SourceError(f"The connection to {self._address} is closed; open it again.")
            self._stopped.clear()
            if self._running or self._connection is None:
                self._reconnect()
            self._running = True
            self._failure = None
            self._epoch_shift = None
            self._reached = (-1, 0)
            self._truth = None
            if self._connection is not None:
                self._connection.ask_to_start()

    def read(self, timeout_s: float = 1.0) -> Block:
        """Next block.

        Raises
        ------
        SourceTimeout, EndOfStream, Overrun, DeviceLost
            As `Source.read` does.
        """
        if not self._running:
            raise SourceError("The network instrument was not started; call start first.")
        deadline_s = time.monotonic() + timeout_s
        while True:
            message = self._message(max(0.0, deadline_s - time.monotonic()))
            if isinstance(message, Data):
                return self._block(message)
            self._take(message)

    def stop(self) -> None:
        """End the stream, from any thread; a waiting `read` raises `EndOfStream`."""
        self._stopped.set()
        connection = self._connection
        if connection is not None and self._running:
            connection.close()

    def truth(self) -> Truth | None:
        """Return what the sender knows of the cells delivered so far; None if it said nothing."""
        if self._truth is None:
            return None
        truth = dict(self._truth)
        if "epoch" in truth:
            truth["epoch"] = np.asarray(truth["epoch"], np.int64) + (self._epoch_shift or 0)
        return delivered(truth, *self._reached)

    def close(self) -> None:
        """End the connection; may be called twice."""
        self._closed = True
        self._stopped.set()
        connection = self._connection
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _reconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        connection = Connection(self._address)
        if connection.hello.instrument != self.instrument:
            connection.close()
            raise DeviceLost(f"The instrument at {self._address} is another one than before; open it again.")
        self._connection = connection

    def _message(self, timeout_s: float) -> Message:
        if self._stopped.is_set():
            raise EndOfStream("The stream was stopped.")
        if self._failure is not None:
            raise self._failure
        connection = self._connection
        if connection is None:
            raise EndOfStream("The stream was stopped.")
        try:
            return connection.message(timeout_s)
        except SourceTimeout:
            if self._stopped.is_set():
                raise EndOfStream("The stream was stopped.") from None
            raise
        except DeviceLost as error:
            if self._stopped.is_set():
                raise EndOfStream("The stream was stopped.") from None
            raise self._failed(error) from None

    def _take(self, message: Message) -> None:
        """Act on a message that is no block."""
        match message:
            case TruthRows():
                self._add_truth(message)
            case End():
                raise self._failed(EndOfStream(message.text or "The instrument has given all its samples."))
            case Status(code=StatusCode.OVERRUN):
                raise self._failed(Overrun(message.text or "The instrument overran and stopped; start again."))
            case Status(code=StatusCode.DEVICE_LOST):
                raise self._failed(DeviceLost(message.text or "The instrument lost its digitizer."))

    def _failed(self, error: SourceError) -> SourceError:
        """Keep what ended the stream, for every read to come, and leave; return it."""
        if self._connection is not None:
            self._connection.close()
        self._failure = EndOfStream("The epoch is over.") if isinstance(error, Overrun) else error
        return error

    def _block(self, message: Data) -> Block:
        block = message.block
        if block.data.shape[1] != len(self.instrument.channels):
            raise self._failed(
                DeviceLost(
                    f"{self._address} sends {block.data.shape[1]} channels, but its instrument has "
                    f"{len(self.instrument.channels)}."
                )
            )
        if self._epoch_shift is None:
            self._epoch_shift = max(0, self._next_epoch - block.epoch)
        block = replace(block, data=self._signed(message), epoch=block.epoch + self._epoch_shift)
        self._next_epoch = max(self._next_epoch, block.epoch + 1)
        self._reached = max(self._reached, (block.epoch, block.end_sample))
        return block

    def _signed(self, message: Data) -> Samples:
        try:
            return signed_samples(message, self.instrument.digitizer)
        except ProtocolError as error:
            raise self._failed(DeviceLost(f"What {self._address} sends does not fit: {error}")) from None

    def _add_truth(self, message: TruthRows) -> None:
        try:
            rows = dict(message.columns)
            self._truth = rows if message.replace or self._truth is None else joined(self._truth, rows)
        except ProtocolError as error:
            raise self._failed(DeviceLost(str(error))) from None


def open_tcp(path: str, speed: str | float | None = None) -> TcpSource:
    """Open a network instrument, `tcp://127.0.0.1:5555`.

    Parameters
    ----------
    path
        The address.
    speed
        Real time or as fast as it comes: the pace is the sender's.

    Raises
    ------
    ConfigError
        If the address or an option does not make sense.
    DeviceLost
        If no instrument answers there.
    """
    if parse_speed(speed) not in (None, 1.0):
        raise ConfigError("The pace of a network instrument is its own; give --speed to its server.")
    return TcpSource(parse_address(path))
