"""A trace file as a source: the entry point `file`, and what replay uses."""

from __future__ import annotations

from enum import StrEnum

from acquisition.errors import ConfigError
from acquisition.replay import Replay
from acquisition.replay_options import parse_block_samples, parse_speed
from acquisition.trace_sequence import TraceSequence


class Files(StrEnum):
    """How much of a recording is played."""

    ALL = "all"
    ONE = "one"


class TraceSource(Replay):
    """A recording in trace files, replayed block by block with its gaps and epochs."""


def open_trace(
    path: str,
    speed: str | float | None = None,
    block_samples: str | int | None = None,
    files: str = Files.ALL,
) -> TraceSource:
    """Open a recording in one or more trace files as a source.

    Parameters
    ----------
    path
        The file, the first of several, or their folder.
    speed
        Pace against the sample clock: 1 is real time; None or "max" is as fast as it is read.
    block_samples
        Most samples in a block; None chooses.
    files
        "all" goes on with the files that follow the first; "one" plays only the one that is named.

    Raises
    ------
    ConfigError
        If an option does not make sense.
    TraceError
        If the file cannot be read.
    """
    pace, size = parse_speed(speed), parse_block_samples(block_samples)
    if files not in tuple(Files):
        raise ConfigError(f"The option files must be {' or '.join(Files)}, not '{files}'.")
    recording = TraceSequence(path, alone=files == Files.ONE)
    return TraceSource(recording, speed=pace, block_samples=size, judged=recording.judged)
