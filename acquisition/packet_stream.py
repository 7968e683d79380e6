"""Datagrams in, blocks out: the whole of the packet protocol without a socket or a thread."""

from __future__ import annotations

from dataclasses import dataclass

from acquisition.block import Block
from acquisition.errors import DeviceLost, EndOfStream, Overrun, ProtocolError, SourceError
from acquisition.instrument import Instrument
from acquisition.network_messages import Data, End, Hello, Message, Status, StatusCode, decode
from acquisition.network_protocol import HEADER, MessageType, Payload, unpack_header
from acquisition.packet_blocks import BLOCK_BYTES, BlockBuilder
from acquisition.packet_order import WINDOW, Ordered, PacketOrder
from acquisition.packet_usual import UsualPackets

Delivery = Block | SourceError
"""What a reader gets: samples, or what ended the stream."""


@dataclass(frozen=True, slots=True)
class PacketCounts:
    """What became of the packets of one start."""

    packets: int = 0
    """All that came, of whatever kind."""
    reordered: int = 0
    """Came after a later one, and were put back in their place."""
    duplicates: int = 0
    """Had come before, and were left out."""
    lost: int = 0
    """Declared lost: they had not come when the window moved on."""
    late: int = 0
    """Came after they were declared lost, and were left out."""
    malformed: int = 0
    """Not of the protocol, or not of this instrument; left out."""
    foreign: int = 0
    """From another computer than the first packet; left out."""
    restarts: int = 0
    """Times the sender began to count anew."""
    samples_lost: int = 0
    """Samples per channel known to be missing, from the ticks."""
    unknown_losses: int = 0
    """Losses of which nobody knows the size."""
    samples_unread: int = 0
    """Samples per channel that came, but found the queue to the reader full; the next block says so."""


def parse_packet(datagram: Payload) -> tuple[int, Message]:
    """Return the sequence number of a datagram and the one message that it is.

    Raises
    ------
    ProtocolError
        If it is none, or not exactly one.
    """
    if datagram.size < HEADER.size:
        raise ProtocolError(f"A packet of {datagram.size} bytes is shorter than the header of a message.")
    header = unpack_header(datagram[: HEADER.size].data)
    if header.length != datagram.size - HEADER.size:
        raise ProtocolError(f"A packet has {datagram.size - HEADER.size} bytes of payload; its header says otherwise.")
    return header.sequence, decode(header, datagram[HEADER.size :])


def is_hello(datagram: Payload) -> bool:
    """Tell whether a datagram says that it is a HELLO."""
    return datagram.size > HEADER.size and int(datagram[5]) == MessageType.HELLO


class PacketStream:
    """One stream of datagrams, from start to end.

    Parameters
    ----------
    instrument
        That the samples must fit.
    epoch
        Of the first block.
    window
        Packets that a late one may be overtaken by.
    block_bytes
        Most bytes of samples in a block.
    """

    def __init__(
        self, instrument: Instrument, epoch: int = 0, window: int = WINDOW, block_bytes: int = BLOCK_BYTES
    ) -> None:
        self._instrument = instrument
        self._order: PacketOrder[Block | Message] = PacketOrder(window)
        self._usual = UsualPackets(instrument)
        self._builder = BlockBuilder(instrument, epoch, block_bytes)
        self._packets = 0
        self._malformed = 0
        self._hello: bytes | None = None
        self.refusal = ""
        """Why the last packet that did not fit was left out."""

    @property
    def counts(self) -> PacketCounts:
        """What became of the packets so far."""
        order, builder = self._order, self._builder
        return PacketCounts(
            packets=self._packets,
            reordered=order.reordered,
            duplicates=order.duplicates,
            lost=order.lost,
            late=order.late,
            malformed=self._malformed,
            restarts=order.restarts,
            samples_lost=builder.samples_lost,
            unknown_losses=builder.unknown_losses,
        )

    @property
    def epoch(self) -> int:
        """Of the newest samples."""
        return self._builder.epoch

    def push(self, datagram: Payload) -> list[Delivery]:
        """Take a datagram, which must stay as it is; return what is ready for the reader.

        What is not of the protocol is counted and changes nothing else: anybody can send to an open port.
        """
        self._packets += 1
        usual = self._usual.read(datagram)
        if usual is not None:
            return self._deliver(self._order.push(*usual))
        try:
            if is_hello(datagram):
                return self._take_hello(datagram)
            sequence, message = parse_packet(datagram)
            item = self._builder.checked(message) if isinstance(message, Data) else message
        except ProtocolError as error:
            self._malformed += 1
            self.refusal = str(error)
            return []
        return self._deliver(self._order.push(sequence, item))

    def take(self) -> list[Delivery]:
        """Return the samples that wait for a full block."""
        return [*self._builder.take()]

    def settle(self) -> list[Delivery]:
        """Return all that waits, as after a silence: what has not come by then counts as lost."""
        return [*self._deliver(self._order.flush()), *self._builder.take()]

    def _deliver(self, ordered: list[Ordered[Block | Message]]) -> list[Delivery]:
        ready: list[Delivery] = []
        for packet in ordered:
            message = packet.item
            if isinstance(message, Block):
                ready += self._builder.add(message, packet.missing, restarted=packet.restarted)
            elif (ended := _ending(message)) is not None:
                return [*ready, *self._builder.take(), ended]
        return ready

    def _take_hello(self, datagram: Payload) -> list[Delivery]:
        # It comes every second, the same every time, so it is understood once.
        text = datagram[HEADER.size :].tobytes()
        if text == self._hello:
            return []
        _, message = parse_packet(datagram)
        self._hello = text
        if isinstance(message, Hello) and message.instrument != self._instrument:
            return [DeviceLost("Another instrument sends to this port now; open it again.")]
        return []


def _ending(message: Block | Message) -> SourceError | None:
    match message:
        case End():
            return EndOfStream(message.text or "The instrument has given all its samples.")
        case Status(code=StatusCode.OVERRUN):
            return Overrun(message.text or "The instrument overran and stopped; start again.")
        case Status(code=StatusCode.DEVICE_LOST):
            return DeviceLost(message.text or "The instrument lost its digitizer.")
    return None
