"""Samples as they stand on the wire, made signed with their baseline near 0."""

from __future__ import annotations

import numpy as np

from acquisition.block import Samples
from acquisition.errors import ProtocolError
from acquisition.instrument import Digitizer
from acquisition.network_messages import Data
from acquisition.network_protocol import SampleFormat


def signed_samples(message: Data, digitizer: Digitizer) -> Samples:
    """Return the samples of a message, `(n_samples, n_channels)`, in the digitizer's own type.

    Raises
    ------
    ProtocolError
        If they have another width than the digitizer's.
    """
    data = message.block.data
    signed: Samples
    match message.format:
        case SampleFormat.INT8 if digitizer.dtype == np.int8:
            return data
        case SampleFormat.INT16 if digitizer.dtype == np.int16:
            return data.astype(np.int16, copy=False)
        case SampleFormat.UINT8 if digitizer.dtype == np.int8:
            signed = (data.astype(np.int16) + digitizer.lowest).astype(np.int8)
            return signed
        case SampleFormat.UINT16 if digitizer.dtype == np.int16:
            signed = (data.astype(np.int32) + digitizer.lowest).astype(np.int16)
            return signed
    raise ProtocolError(f"It sends {data.dtype} samples, but its instrument has {digitizer.bits} bits.")
