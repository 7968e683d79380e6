"""Cut a block in two and keep what it says true of each part."""

from __future__ import annotations

from dataclasses import replace

from acquisition.block import Block


def part_of(block: Block, start: int, stop: int) -> Block:
    """Return the samples `start` to `stop` of a block, counted from its first; a view, not a copy.

    What is missing before the block is missing before its first part only.
    """
    if start <= 0 and stop >= block.n_samples:
        return block
    start = max(0, start)
    first = start == 0
    return replace(
        block,
        data=block.data[start:stop],
        first_sample=block.first_sample + start,
        lost_before=block.lost_before if first else 0,
        omitted_before=block.omitted_before if first else 0,
        clipped=None,
    )
