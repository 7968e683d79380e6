"""The ring of memory that a card writes its samples to, read in place."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.errors import ConfigError
from acquisition.spectrum.driver import Registers
from acquisition.spectrum.options import PAGE_BYTES, SpectrumOptions
from acquisition.spectrum.setup import CardSetup

_BLOCK_S = 5e-3
_LEAST_NOTIFY_BYTES = 16 * PAGE_BYTES
_MOST_NOTIFY_BYTES = 1 << 24
_BLOCKS = 32


def ring_sizes(setup: CardSetup, options: SpectrumOptions) -> tuple[int, int]:
    """Return the bytes of a block and of the ring.

    Raises
    ------
    ConfigError
        If the ring is no whole number of blocks, at least two.
    """
    instrument = setup.instrument
    rate = instrument.sample_rate_hz * len(instrument.channels) * instrument.digitizer.dtype.itemsize
    natural = 1 << max(0, round(rate * _BLOCK_S).bit_length() - 1)
    notify = options.notify_bytes or min(max(natural, _LEAST_NOTIFY_BYTES), _MOST_NOTIFY_BYTES)
    buffer = options.buffer_bytes or _BLOCKS * notify
    if buffer % notify or buffer < 2 * notify:
        raise ConfigError(f"buffer={buffer} must be a multiple of notify={notify}, at least twice as much.")
    return notify, buffer


class Ring:
    """One stream's memory: blocks are views of it, handed out one at a time and given back in order.

    Every stream has a ring of its own, so that a view which is still held when the card starts again stays as it was.

    Parameters
    ----------
    package, card, registers
        The `spcm` module, its open card and the registers below it.
    setup
        What the card was set up for.
    sizes
        Bytes of a block and of the ring.

    Raises
    ------
    spcm.SpcmException
        If the driver does not take the memory.
    """

    def __init__(self, package: Any, card: Any, registers: Registers, setup: CardSetup, sizes: tuple[int, int]) -> None:
        self._package, self._registers, self._offset_binary = package, registers, setup.offset_binary
        self._dtype = setup.instrument.digitizer.dtype
        self._columns = len(setup.instrument.channels)
        self.frame_bytes = self._columns * self._dtype.itemsize
        self.notify_bytes, self._buffer_bytes = sizes
        self._position = self._out_bytes = 0
        self.serial = 0
        """Counts the blocks handed out, so that one given back twice is noticed."""
        transfer = package.DataTransfer(card)
        if setup.conversion:
            transfer.data_conversion(setup.conversion)
        if np.dtype(transfer.numpy_type()).itemsize != self._dtype.itemsize:
            raise ConfigError(f"The card gives {np.dtype(transfer.numpy_type())} samples, not {self._dtype}.")
        transfer.allocate_buffer(self._buffer_bytes // self.frame_bytes)
        transfer.notify_samples(self.notify_bytes // self.frame_bytes)
        transfer.start_buffer_transfer()
        self._transfer = transfer
        # Column by column for the package, sample by sample in memory: its transpose is one straight run of bytes.
        self._bytes: npt.NDArray[np.uint8] = transfer.buffer.T.reshape(-1).view(np.uint8)

    def give_back(self) -> int:
        """Let the card write where the last block was; return the driver's error number."""
        if not self._out_bytes:
            return 0
        code = self._give()
        if code and not self._was_given() and self._give():
            return code
        self._out_bytes = 0
        return code

    def _give(self) -> int:
        return self._registers.write(self._package.SPC_DATA_AVAIL_CARD_LEN, self._out_bytes)

    def _was_given(self) -> bool:
        # A driver with an error pending may have left the command undone; its read position tells.
        code, position = self._registers.read(self._package.SPC_DATA_AVAIL_USER_POS)
        return not code and position % self._buffer_bytes == self._position

    def available(self) -> tuple[int, int]:
        """Return the driver's error number, and the bytes that can be read behind the block that is out."""
        code, available = self._registers.read(self._package.SPC_DATA_AVAIL_USER_LEN)
        return code, max(0, available - self._out_bytes)

    def take(self, available: int) -> Samples:
        """Hand the next block out, at most `notify_bytes` of it.

        Parameters
        ----------
        available
            Bytes that the card has ready, at least one sample of every channel.

        Returns
        -------
        Samples
            `(n_samples, n_channels)` signed counts, a view of the ring.
        """
        taken = min(available, self.notify_bytes)
        taken -= taken % self.frame_bytes
        raw = self._bytes[self._position : self._position + taken]
        if self._offset_binary:
            # In place: until it is given back, this part of the ring belongs to us.
            np.bitwise_xor(raw, 0x80, out=raw)
        self._position = (self._position + taken) % self._buffer_bytes
        self._out_bytes += taken
        self.serial += 1
        return cast("Samples", raw.view(self._dtype).reshape(-1, self._columns))
