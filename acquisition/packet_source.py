"""A digitizer that sends UDP packets as a source: the entry point `udp`."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Self

from acquisition.block import Block
from acquisition.errors import ConfigError, SourceError, SourceTimeout
from acquisition.instrument import Instrument
from acquisition.network_address import Address, parse_address
from acquisition.network_messages import Hello
from acquisition.origin import Origin
from acquisition.packet_order import WINDOW
from acquisition.packet_receiver import QUEUE_BLOCKS, Receiver
from acquisition.packet_socket import RECEIVE_BYTES, PacketSocket
from acquisition.packet_stream import PacketCounts, PacketStream
from acquisition.presets import instrument_preset
from acquisition.replay_options import parse_speed
from acquisition.source import existing_file

HELLO_S = 5.0
_MOST_WINDOW = 65_536
_MOST_BUFFER_MB = 1024


class UdpSource:
    """Packets to a UDP port of this computer as a `Source`.

    States and threads as in `Source`: the port is open from construction to `close`, and from `start` to `stop` one
    thread takes packets off it. What comes while it is not started is forgotten. A second start joins the stream where
    it is, in a new epoch.

    Parameters
    ----------
    address
        Of this computer, to listen on; port 0 is any free one.
    instrument
        What the packets come from; None waits for a HELLO.
    window
        Packets that a late one may be overtaken by.
    receive_bytes
        Buffer to ask the system for.
    queue_blocks
        Blocks that wait for the reader; more are lost, and counted.

    Raises
    ------
    ConfigError
        If the port cannot be had.
    DeviceLost
        If no HELLO comes and it was not said what the instrument is.
    """

    def __init__(
        self,
        address: Address,
        instrument: Instrument | None = None,
        *,
        window: int = WINDOW,
        receive_bytes: int = RECEIVE_BYTES,
        queue_blocks: int = QUEUE_BLOCKS,
        hello_s: float = HELLO_S,
    ) -> None:
        self._port = PacketSocket(address, receive_bytes)
        try:
            self._hello = Hello(instrument=instrument) if instrument else self._port.wait_for_hello(hello_s)
        except BaseException:
            self._port.close()
            raise
        self._window = window
        self._queue_blocks = queue_blocks
        self._receiver: Receiver | None = None
        self._lock = threading.Lock()
        self._next_epoch = 0
        self._closed = False

    @property
    def instrument(self) -> Instrument:
        """The instrument, as it described itself or as it was named."""
        return self._hello.instrument

    @property
    def waits(self) -> bool:
        """False: packets that are not taken are lost."""
        return False

    @property
    def origin(self) -> Origin:
        """What the sender calls its samples; measured, if it says nothing."""
        return self._hello.origin

    @property
    def description(self) -> str:
        """One line for people; it warns of a small buffer."""
        what = " ".join(f"{self._hello.description or self.instrument.name}, packets to {self.address}".split())
        asked, given = self._port.asked_bytes, self._port.given_bytes
        if given >= asked:
            return what
        return (
            f"{what} (the system gave a buffer of {given / 2**20:.3g} of the {asked / 2**20:.3g} MiB asked; raise its "
            "limit, net.core.rmem_max, or packets may be lost)"
        )

    @property
    def total_samples(self) -> int | None:
        """None: a stream that is joined at any time has no known end."""
        return None

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._port.address

    @property
    def receive_buffer_bytes(self) -> int:
        """Buffer that the system gave, which may be less than was asked."""
        return self._port.given_bytes

    @property
    def counts(self) -> PacketCounts:
        """What became of the packets since the last start."""
        return PacketCounts() if self._receiver is None else self._receiver.counts

    def start(self) -> None:
        """Join the stream where it is."""
        with self._lock:
            if self._closed:
                raise SourceError(f"The port at {self.address} is closed; open it again.")
            self._end_receiver()
            stream = PacketStream(self.instrument, self._next_epoch, self._window)
            self._receiver = Receiver(self._port, stream, self._queue_blocks)
            self._receiver.start()

    def read(self, timeout_s: float = 1.0) -> Block:
        """Next block.

        Raises
        ------
        SourceTimeout, EndOfStream, Overrun, DeviceLost
            As `Source.read` does.
        """
        receiver = self._receiver
        if receiver is None:
            raise SourceError("The packet source was not started; call start first.")
        try:
            return receiver.queue.get(timeout_s)
        except SourceTimeout:
            raise SourceTimeout(f"No samples came to {self.address} in time{_why(receiver)}.") from None

    def stop(self) -> None:
        """End the stream, from any thread; a waiting `read` raises `EndOfStream`."""
        receiver = self._receiver
        if receiver is not None:
            receiver.stop()

    def truth(self) -> None:
        """None: packets carry no truth."""
        return

    def close(self) -> None:
        """Give the port back; may be called twice."""
        with self._lock:
            self._closed = True
            self._end_receiver()
            self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _end_receiver(self) -> None:
        if self._receiver is not None:
            self._receiver.stop()
            self._receiver.join()
            self._next_epoch = self._receiver.epoch + 1


def open_udp(
    path: str,
    instrument: str = "",
    window: str | int = WINDOW,
    buffer_mb: str | int = RECEIVE_BYTES >> 20,
    speed: str | float | None = None,
) -> UdpSource:
    """Open a port for a digitizer that sends packets, `udp://127.0.0.1:5556?instrument=sheet-ci`.

    Parameters
    ----------
    path
        Address and port of this computer; `//0.0.0.0:5556` listens on all its networks.
    instrument
        Name of a preset, or a file with an instrument's JSON; empty waits for the sender's HELLO.
    window
        Packets that a late one may be overtaken by, before it counts as lost.
    buffer_mb
        Receive buffer to ask the system for, in MiB.
    speed
        Real time or as fast as it comes: the pace is the sender's.

    Raises
    ------
    ConfigError
        If an address or option does not make sense, or the port cannot be had.
    DeviceLost
        If no HELLO comes and no instrument is named.
    """
    if parse_speed(speed) not in (None, 1.0):
        raise ConfigError("The pace of packets is their sender's; leave out the speed.")
    return UdpSource(
        parse_address(path, scheme="udp"),
        _instrument(instrument) if instrument else None,
        window=_whole("window", window, _MOST_WINDOW),
        receive_bytes=_whole("buffer_mb", buffer_mb, _MOST_BUFFER_MB) << 20,
    )


def _instrument(name: str) -> Instrument:
    if not name.endswith(".json"):
        return instrument_preset(name)
    return Instrument.from_json(Path(existing_file(name)).read_bytes())


def _whole(name: str, value: str | int, most: int) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 1 <= number <= most or number != int(number):
        raise ConfigError(f"The option {name} '{value}' must be a whole number from 1 to {most}.")
    return int(number)


def _why(receiver: Receiver) -> str:
    malformed = receiver.counts.malformed
    return f"; {malformed} packets do not fit: {receiver.refusal.rstrip('.')}" if malformed else ""
