"""The frame of every message of a network instrument (`docs/network-protocol.md`): bytes in, headers out, no socket."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag

import numpy as np
import numpy.typing as npt

from acquisition.errors import ProtocolError

MAGIC = b"LTLN"
VERSION = 1

HEADER = struct.Struct("<4sBBHIIQ")
"""Magic, version, message type, flags, payload bytes, 0, sequence number."""

DATA_HEADER = struct.Struct("<QqQQIIHBBHH")
"""First sample, samples lost before, device ticks, host time in ns, epoch, samples, channels, format, 0, fill, 0."""

NO_FILL = 0xFFFF
"""The fill of a device that does not say."""
FULL = 1000
"""The fill of a full device."""


class MessageType(IntEnum):
    """What a message is."""

    HELLO = 1
    START = 2
    DATA = 3
    TRUTH = 4
    STATUS = 5
    END = 6


class DataFlag(IntFlag):
    """What a data message holds beside its samples."""

    DEVICE_TICKS = 1
    CLIPPED = 2


class TruthFlag(IntFlag):
    """How the rows of a truth message join those before."""

    REPLACE = 1


class SampleFormat(IntEnum):
    """How samples stand on the wire; unsigned ones have their middle at half range (offset binary)."""

    INT8 = 1
    INT16 = 2
    UINT8 = 3
    UINT16 = 4

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of one sample."""
        return _TYPES[self]


_TYPES: dict[SampleFormat, np.dtype[np.generic]] = {
    SampleFormat.INT8: np.dtype("i1"),
    SampleFormat.INT16: np.dtype("<i2"),
    SampleFormat.UINT8: np.dtype("u1"),
    SampleFormat.UINT16: np.dtype("<u2"),
}

LIMITS = {
    MessageType.HELLO: 1 << 20,
    MessageType.START: 0,
    MessageType.DATA: 64 << 20,
    MessageType.TRUTH: 64 << 20,
    MessageType.STATUS: 4096,
    MessageType.END: 4096,
}
"""Most payload bytes of a message."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first 24 bytes of a message."""

    type: MessageType
    flags: int
    length: int
    sequence: int


Payload = npt.NDArray[np.uint8]


def pack_header(type_: MessageType, flags: int, length: int, sequence: int) -> bytes:
    """Return the 24 bytes.

    Raises
    ------
    ProtocolError
        If the payload is longer than such a message may be.
    """
    if length > LIMITS[type_]:
        raise ProtocolError(f"A {type_.name} message may have {LIMITS[type_]} bytes at most, not {length}.")
    return HEADER.pack(MAGIC, VERSION, type_, flags, length, 0, sequence)


def unpack_header(data: bytes | bytearray | memoryview) -> Header:
    """Read the 24 bytes.

    Raises
    ------
    ProtocolError
        If they are not the header of a message of this version.
    """
    magic, version, type_, flags, length, _, sequence = HEADER.unpack(data)
    if magic != MAGIC:
        raise ProtocolError(f"A message begins with {magic!r} in place of {MAGIC!r}.")
    if version != VERSION:
        raise ProtocolError(f"A message is of version {version}; this Lightline understands version {VERSION}.")
    if type_ not in LIMITS:
        raise ProtocolError(f"There is no message type {type_}.")
    kind = MessageType(type_)
    if length > LIMITS[kind]:
        raise ProtocolError(f"A {kind.name} message of {length} bytes is longer than {LIMITS[kind]}.")
    return Header(kind, flags, length, sequence)


class Decoder:
    """Puts messages together from bytes as they come, without copying payloads.

    The caller reads from its connection straight into `room()` and says how much with `filled()`. Memory is bound by
    the longest payload that a header may announce. Sequence numbers must count up from 0.
    """

    def __init__(self) -> None:
        self._head = np.empty(HEADER.size, np.uint8)
        self._header: Header | None = None
        self._target: Payload = self._head
        self._have = 0
        self._sequence = 0

    def room(self) -> memoryview:
        """Return where the next bytes belong; never empty."""
        return self._target.data[self._have :]

    def filled(self, count: int) -> tuple[Header, Payload] | None:
        """Take note of `count` bytes in `room()`; return a message when it is complete.

        Raises
        ------
        ProtocolError
            If the bytes are not of the protocol; the connection is of no more use then.
        """
        self._have += count
        if self._have < self._target.size:
            return None
        if self._header is None:
            self._header = self._checked(unpack_header(self._head.tobytes()))
            self._target, self._have = np.empty(self._header.length, np.uint8), 0
            if self._header.length:
                return None
        message = (self._header, self._target)
        self._header, self._target, self._have = None, self._head, 0
        return message

    def feed(self, data: bytes) -> list[tuple[Header, Payload]]:
        """Take bytes from elsewhere; return the messages that are complete with them.

        Raises
        ------
        ProtocolError
            As `filled` does.
        """
        messages = []
        view = memoryview(data)
        while view:
            room = self.room()
            count = min(len(room), len(view))
            room[:count] = view[:count]
            view = view[count:]
            message = self.filled(count)
            if message is not None:
                messages.append(message)
        return messages

    def _checked(self, header: Header) -> Header:
        if header.sequence != self._sequence:
            raise ProtocolError(f"Message {header.sequence} came where message {self._sequence} was expected.")
        self._sequence += 1
        return header
