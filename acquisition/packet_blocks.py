"""Joins the samples of packets into blocks, with what is lost between them."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from acquisition.block import UNKNOWN_LOSS, Block, Samples
from acquisition.errors import ProtocolError
from acquisition.instrument import Instrument
from acquisition.network_messages import Data
from acquisition.offset_binary import signed_samples

BLOCK_BYTES = 1 << 20
"""A block is given when it has that much, however small the packets are."""


class BlockBuilder:
    """Makes blocks of packets that are in order; packets that follow each other on the sample clock share one.

    Where the clock jumps ahead, the block says how many samples are missing: the packets' `first_sample` tells. Where
    it goes back, or the sender says so, a new epoch begins.

    Parameters
    ----------
    instrument
        Of the samples.
    epoch
        Of the first block.
    block_bytes
        Most bytes of samples in a block, but at least one packet.
    """

    def __init__(self, instrument: Instrument, epoch: int, block_bytes: int = BLOCK_BYTES) -> None:
        self._digitizer = instrument.digitizer
        self._channels = len(instrument.channels)
        row_bytes = self._channels * self._digitizer.dtype.itemsize
        self._room = max(1, block_bytes // row_bytes)
        self._store: Samples | None = None
        self._spare: Samples | None = None
        self._block: Block | None = None
        self._have = 0
        self._lost = 0
        self._clipped: npt.NDArray[np.int64] | None = None
        self._senders_epoch: int | None = None
        self._next_tick: int | None = None
        self.epoch = epoch
        """Of the newest samples."""
        self.samples_lost = 0
        """Samples per channel that are known to be missing."""
        self.unknown_losses = 0
        """Times that samples were lost, and nobody knows how many."""

    def checked(self, data: Data) -> Block:
        """Return a message as a block of signed samples.

        Raises
        ------
        ProtocolError
            If it has other channels or another type than the instrument.
        """
        block = data.block
        if block.data.shape[1] != self._channels:
            raise ProtocolError(
                f"A packet has {block.data.shape[1]} channels, but the instrument has {self._channels}."
            )
        return replace(block, data=signed_samples(data, self._digitizer))

    def add(self, block: Block, missing: int, *, restarted: bool = False) -> list[Block]:
        """Take the samples of the next packet, `missing` packets after the one before; return blocks that are full."""
        store, count = self._store, len(block.data)
        follows = block.first_sample == self._next_tick and block.epoch == self._senders_epoch
        if store is not None and follows and not restarted and block.lost_before != UNKNOWN_LOSS:
            end = self._have + count
            if end <= self._room:
                # The usual case, and the only one that has to be fast.
                store[self._have : end] = block.data
                self._count_clipped(block)
                self._have, self._next_tick = end, block.first_sample + count
                return []
        done = self.take()
        lost = self._place(block, missing, restarted)
        self._begin(block, lost)
        return done

    def take(self) -> list[Block]:
        """Return the samples that wait for a full block, as one block; nothing if there are none."""
        if self._block is None or self._store is None:
            return []
        samples = self._store[: self._have]
        # A small block must not keep a large buffer alive in a queue; the buffer serves the next one.
        if 2 * self._have < len(self._store):
            self._spare, samples = self._store, samples.copy()
        first = self._block
        self._block, self._store, self._have = None, None, 0
        # Built anew: `replace` takes far longer, and where packets are lost every second one begins a block.
        return [
            Block(
                samples,
                first.first_sample,
                self.epoch,
                self._lost,
                clipped=self._clipped,
                fill=first.fill,
                host_time_ns=first.host_time_ns or time.time_ns(),
                device_ticks=first.device_ticks,
            )
        ]

    def _place(self, block: Block, missing: int, restarted: bool) -> int:
        """Settle the epoch of a packet; return the samples lost before it."""
        first = self._next_tick is None
        went_back = self._next_tick is not None and block.first_sample < self._next_tick
        if first:
            lost = 0
        elif restarted or went_back or block.epoch != self._senders_epoch:
            self.epoch += 1
            lost = UNKNOWN_LOSS if missing else max(UNKNOWN_LOSS, min(0, block.lost_before))
        elif block.lost_before == UNKNOWN_LOSS:
            lost = UNKNOWN_LOSS
        else:
            lost = block.first_sample - (self._next_tick or 0)
        self._senders_epoch, self._next_tick = block.epoch, block.end_sample
        self.unknown_losses += lost == UNKNOWN_LOSS
        self.samples_lost += max(0, lost)
        return lost

    def _begin(self, block: Block, lost: int) -> None:
        store, self._spare = self._spare, None
        if store is None or len(store) < block.n_samples:
            store = np.empty((max(self._room, block.n_samples), self._channels), self._digitizer.dtype)
        self._store = store
        store[: block.n_samples] = block.data
        self._have = block.n_samples
        self._clipped = block.clipped
        self._block, self._lost = block, lost

    def _count_clipped(self, block: Block) -> None:
        if self._clipped is not None:
            self._clipped = None if block.clipped is None else self._clipped + block.clipped
