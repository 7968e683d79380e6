"""Running statistics of the channels of a stream."""

from __future__ import annotations

import numpy as np

from acquisition.block import Block
from acquisition.clipping import count_clipped
from acquisition.instrument import Channel, Instrument
from acquisition.trace_report import ChannelReport


class ChannelStatistics:
    """Sums up blocks of one instrument."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        columns = len(instrument.channels)
        self._count = 0
        self._lowest = np.full(columns, np.iinfo(np.int64).max)
        self._highest = np.full(columns, np.iinfo(np.int64).min)
        self._sum = np.zeros(columns)
        self._squares = np.zeros(columns)
        self._clipped = np.zeros(columns, np.int64)

    def add(self, block: Block) -> None:
        """Take a block into account."""
        if block.n_samples == 0:
            return
        values = block.data.astype(np.float64)
        clipped = block.clipped if block.clipped is not None else count_clipped(block.data, self._instrument.digitizer)
        self._count += block.n_samples
        self._lowest = np.minimum(self._lowest, [column.min() for column in block.data.T])
        self._highest = np.maximum(self._highest, [column.max() for column in block.data.T])
        self._sum += values.sum(axis=0)
        self._squares += np.einsum("ij,ij->j", values, values)
        self._clipped += clipped

    def reports(self) -> tuple[ChannelReport, ...]:
        """Return one report a channel; a channel without samples has no figures."""
        return tuple(self._report(i, channel) for i, channel in enumerate(self._instrument.channels))

    def _report(self, column: int, channel: Channel) -> ChannelReport:
        if self._count == 0:
            return ChannelReport(name=channel.name, role=channel.role)
        mean = float(self._sum[column] / self._count)
        variance = max(0.0, float(self._squares[column] / self._count) - mean**2)
        return ChannelReport(
            name=channel.name,
            role=channel.role,
            lowest_counts=int(self._lowest[column]),
            highest_counts=int(self._highest[column]),
            mean_counts=mean,
            rms_counts=variance**0.5,
            clipped_fraction=float(self._clipped[column] / self._count),
        )
