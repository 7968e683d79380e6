"""What a network instrument says, as typed messages and as the bytes of `docs/network-protocol.md`."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from acquisition.block import UNKNOWN_LOSS, Block, Samples
from acquisition.errors import ProtocolError
from acquisition.instrument import Instrument
from acquisition.network_protocol import (
    DATA_HEADER,
    FULL,
    NO_FILL,
    DataFlag,
    Header,
    MessageType,
    Payload,
    SampleFormat,
    TruthFlag,
    pack_header,
)
from acquisition.network_truth import pack_columns, unpack_columns
from acquisition.origin import Origin
from acquisition.source import Truth

MOST_TEXT = 2000
"""Characters of a sentence."""

_STATUS = struct.Struct("<HH")
_FORMATS = {format_.dtype.newbyteorder("="): format_ for format_ in SampleFormat}


class Hello(BaseModel):
    """The first message of a connection: what the samples come from."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True, allow_inf_nan=False)

    instrument: Instrument
    origin: Origin = Origin.MEASURED
    description: str = Field(default="", max_length=MOST_TEXT)
    waits: bool = False
    """True if the sender waits for a slow reader; False if it goes on and counts what is lost."""
    total_samples: NonNegativeInt | None = None
    on_request: bool = False
    """True if the sender sends nothing more before START; only then is it sent."""
    keep_alive_s: float | None = Field(default=None, gt=0)
    """The sender is never silent for longer once it was asked to start; None is no promise."""


@dataclass(frozen=True, slots=True)
class Start:
    """The reader is ready for the stream."""


@dataclass(frozen=True, slots=True)
class Data:
    """A block; one that was received has samples of the type of `format`, which may be unsigned."""

    block: Block
    format: SampleFormat | None = None
    """As received; None where it is to be sent, and the samples' own type decides."""


@dataclass(frozen=True, slots=True)
class TruthRows:
    """Cells that are known, in addition to or in place of those before."""

    columns: Truth
    replace: bool = False


class StatusCode(IntEnum):
    """How the instrument is."""

    IDLE = 0
    OVERRUN = 1
    DEVICE_LOST = 2


@dataclass(frozen=True, slots=True)
class Status:
    """A sign of life, or the error that ends the epoch."""

    code: StatusCode
    text: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """All samples were given."""

    text: str = ""


Message = Hello | Start | Data | TruthRows | Status | End
Buffers = tuple[bytes, memoryview]


def encode(message: Message, sequence: int) -> Buffers:
    """Return a message as a header with what goes with it, and the bulk of its payload; the bulk is not copied.

    Raises
    ------
    ProtocolError
        If the message is too long.
    """
    if isinstance(message, Data):
        return _encode_data(message.block, sequence)
    flags, payload = 0, b""
    match message:
        case Hello():
            type_, payload = MessageType.HELLO, message.model_dump_json().encode()
        case Start():
            type_ = MessageType.START
        case TruthRows():
            type_, payload = MessageType.TRUTH, pack_columns(message.columns)
            flags = TruthFlag.REPLACE if message.replace else 0
        case Status():
            type_, payload = MessageType.STATUS, _STATUS.pack(message.code, 0) + _text_bytes(message.text)
        case End():
            type_, payload = MessageType.END, _text_bytes(message.text)
    return pack_header(type_, flags, len(payload), sequence), memoryview(payload)


def decode(header: Header, payload: Payload) -> Message:
    """Return the message that a header and its payload are; the samples are a view of the payload.

    Raises
    ------
    ProtocolError
        If the payload is not what the header says.
    """
    match header.type:
        case MessageType.DATA:
            return _decode_data(header, payload)
        case MessageType.START:
            return Start()
        case MessageType.END:
            return End(_text(payload))
        case MessageType.TRUTH:
            return TruthRows(unpack_columns(payload.tobytes()), bool(header.flags & TruthFlag.REPLACE))
        case MessageType.STATUS:
            return _decode_status(payload)
        case MessageType.HELLO:
            return _decode_hello(payload)


def _encode_data(block: Block, sequence: int) -> Buffers:
    samples = np.ascontiguousarray(block.data)
    format_ = _FORMATS.get(samples.dtype.newbyteorder("="))
    if format_ is None:
        raise ProtocolError(f"Samples of the type {samples.dtype} cannot be sent; they must have 8 or 16 bits.")
    samples = samples.astype(format_.dtype, copy=False)
    flags = DataFlag.CLIPPED if block.clipped is not None else DataFlag(0)
    if block.device_ticks is not None:
        flags |= DataFlag.DEVICE_TICKS
    clipped = b"" if block.clipped is None else block.clipped.astype("<u4").tobytes()
    about = DATA_HEADER.pack(
        block.first_sample,
        block.lost_before,
        block.device_ticks or 0,
        max(0, block.host_time_ns),
        block.epoch,
        samples.shape[0],
        samples.shape[1],
        format_,
        0,
        NO_FILL if block.fill is None else round(FULL * block.fill),
        0,
    )
    length = len(about) + len(clipped) + samples.nbytes
    bulk = samples.reshape(-1).view(np.uint8).data
    return pack_header(MessageType.DATA, flags, length, sequence) + about + clipped, bulk


def _decode_data(header: Header, payload: Payload) -> Data:
    if payload.size < DATA_HEADER.size:
        raise ProtocolError(f"A DATA message of {payload.size} bytes is shorter than its own header.")
    fields = DATA_HEADER.unpack(payload[: DATA_HEADER.size].tobytes())
    first_sample, lost, device_ticks, host_time_ns, epoch, n_samples, n_channels, code, _, fill, _ = fields
    if code not in _FORMATS.values() or lost < UNKNOWN_LOSS or n_channels == 0:
        raise ProtocolError(f"A DATA message has format {code}, {n_channels} channels and {lost} samples lost before.")
    if first_sample + n_samples >= 1 << 63 or not (fill == NO_FILL or fill <= FULL):
        raise ProtocolError(f"A DATA message has first sample {first_sample} and fill {fill}.")
    format_ = SampleFormat(code)
    has_clipped = bool(header.flags & DataFlag.CLIPPED)
    begin = DATA_HEADER.size + (4 * n_channels if has_clipped else 0)
    expected = begin + n_samples * n_channels * format_.dtype.itemsize
    if payload.size != expected:
        raise ProtocolError(f"A DATA message has {payload.size} bytes of payload where its fields say {expected}.")
    clipped = payload[DATA_HEADER.size : begin].view("<u4").astype(np.int64) if has_clipped else None
    samples = payload[begin:].view(format_.dtype).reshape(n_samples, n_channels)
    block = Block(
        # Unsigned samples are of another type; whoever takes the message looks at its format first.
        data=cast("Samples", samples),
        first_sample=first_sample,
        epoch=epoch,
        lost_before=lost,
        clipped=clipped,
        fill=None if fill == NO_FILL else fill / FULL,
        host_time_ns=host_time_ns,
        device_ticks=device_ticks if header.flags & DataFlag.DEVICE_TICKS else None,
    )
    return Data(block, format_)


def _decode_hello(payload: Payload) -> Hello:
    try:
        return Hello.model_validate_json(payload.tobytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise ProtocolError(f"The HELLO message is not valid: {place}: {first['msg']}.") from None


def _decode_status(payload: Payload) -> Status:
    if payload.size < _STATUS.size:
        raise ProtocolError("A STATUS message is too short.")
    code, _ = _STATUS.unpack(payload[: _STATUS.size].tobytes())
    if code > max(StatusCode):
        raise ProtocolError(f"There is no status {code}.")
    return Status(StatusCode(code), _text(payload[_STATUS.size :]))


def _text_bytes(text: str) -> bytes:
    return " ".join(text.split())[:MOST_TEXT].encode()[: 2 * MOST_TEXT]


def _text(payload: Payload) -> str:
    return " ".join(payload.tobytes().decode("utf-8", errors="replace").split())[:MOST_TEXT]
