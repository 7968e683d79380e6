"""A trace file as a source: the entry point `file`, and what replay uses."""

from __future__ import annotations

from acquisition.replay import Replay
from acquisition.replay_options import parse_block_samples, parse_speed
from acquisition.trace_reader import TraceReader


class TraceSource(Replay):
    """A trace file, replayed block by block with its gaps and epochs."""


def open_trace(path: str, speed: str | float | None = None, block_samples: str | int | None = None) -> TraceSource:
    """Open a trace file as a source.

    Parameters
    ----------
    path
        The file.
    speed
        Pace against the sample clock: 1 is real time; None or "max" is as fast as it is read.
    block_samples
        Most samples in a block; None chooses.

    Raises
    ------
    ConfigError
        If an option does not make sense.
    TraceError
        If the file cannot be read.
    """
    pace, size = parse_speed(speed), parse_block_samples(block_samples)
    return TraceSource(TraceReader(path), speed=pace, block_samples=size)
