"""The usual packet, read in one go, in a fraction of the general reader's time; everything else is left to that."""

from __future__ import annotations

import struct

import numpy as np

from acquisition.block import UNKNOWN_LOSS, Block, Samples
from acquisition.instrument import Instrument
from acquisition.network_protocol import (
    DATA_HEADER,
    FULL,
    HEADER,
    MAGIC,
    NO_FILL,
    VERSION,
    DataFlag,
    MessageType,
    Payload,
    SampleFormat,
)

_BOTH = struct.Struct(HEADER.format + DATA_HEADER.format.removeprefix("<"))
# Plain numbers: comparing enumeration members costs as much as all the rest here.
_DATA = int(MessageType.DATA)
_TICKS = int(DataFlag.DEVICE_TICKS)


class UsualPackets:
    """Reads DATA packets in the instrument's own signed type, without counts of clipped samples.

    Parameters
    ----------
    instrument
        Of the samples.
    """

    def __init__(self, instrument: Instrument) -> None:
        self._dtype = instrument.digitizer.dtype
        self._channels = len(instrument.channels)
        self._format = int(SampleFormat.INT8 if self._dtype == np.int8 else SampleFormat.INT16)
        self._row_bytes = self._channels * self._dtype.itemsize

    def read(self, datagram: Payload) -> tuple[int, Block] | None:
        """Return the sequence number and the samples, a view; None if this packet is not of the usual kind."""
        size = datagram.size
        if size < _BOTH.size:
            return None
        fields = _BOTH.unpack_from(datagram.data)
        magic, version, type_, flags, length, _, sequence, first_sample, lost, ticks, host_ns, epoch = fields[:12]
        n_samples, n_channels, format_, _, fill, _ = fields[12:]
        is_usual = (
            type_ == _DATA
            and magic == MAGIC
            and version == VERSION
            and (flags == 0 or flags == _TICKS)
            and length == size - HEADER.size
            and n_channels == self._channels
            and format_ == self._format
            and size == _BOTH.size + n_samples * self._row_bytes
            and lost >= UNKNOWN_LOSS
            and first_sample < 1 << 62
            and (fill == NO_FILL or fill <= FULL)
        )
        if not is_usual:
            return None
        data: Samples = np.ndarray((n_samples, n_channels), self._dtype, datagram, _BOTH.size)
        return sequence, Block(
            data,
            first_sample,
            epoch,
            lost,
            fill=None if fill == NO_FILL else fill / FULL,
            host_time_ns=host_ns,
            device_ticks=ticks if flags else None,
        )
