"""What a source gives, held to its own instrument and clock, before anything is made of it."""

from __future__ import annotations

from dataclasses import replace

from acquisition.block import Block
from acquisition.errors import BadStream
from acquisition.instrument import Instrument


class Continuity:
    """Takes out samples that a driver gives again, and refuses what cannot be right.

    Blocks that only go on, or jump ahead, pass as they are. A driver that repeats a buffer gives ticks that were had
    before: those samples are left out and counted, so that no cell is seen twice.

    Parameters
    ----------
    instrument
        Of the source.
    """

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._last: tuple[int, int, int] | None = None
        self.samples_repeated = 0
        """Samples per channel that came again and were left out."""

    def admit(self, block: Block) -> Block:
        """Return the part of a block that is new, which may be empty.

        Raises
        ------
        BadStream
            If its type or channels are not the instrument's, or its clock has gone back.
        """
        self._require_fitting(block)
        if block.n_samples == 0:
            return block
        if self._last is None or block.epoch > self._last[0]:
            self._last = (block.epoch, block.first_sample, block.end_sample)
            return block
        epoch, began, ended = self._last
        if block.epoch < epoch or block.first_sample < began:
            raise BadStream(
                f"The source's clock went back from sample {ended} of epoch {epoch} to sample {block.first_sample} of "
                f"epoch {block.epoch}; its driver has to be mended."
            )
        again = min(block.n_samples, max(0, ended - block.first_sample))
        self._last = (epoch, block.first_sample, max(ended, block.end_sample))
        if again == 0:
            return block
        self.samples_repeated += again
        # What was lost before these samples was said when they came first.
        return replace(
            block, data=block.data[again:], first_sample=block.first_sample + again, lost_before=0, clipped=None
        )

    def _require_fitting(self, block: Block) -> None:
        digitizer, channels = self._instrument.digitizer, len(self._instrument.channels)
        if block.data.dtype != digitizer.dtype or block.data.ndim != 2 or block.data.shape[1] != channels:
            raise BadStream(
                f"The source gave a block of shape {block.data.shape} and type {block.data.dtype}, which does not fit "
                f"its instrument '{self._instrument.name}' of {channels} channels and type {digitizer.dtype}; its "
                "driver has to be mended."
            )
