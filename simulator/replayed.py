"""Recordings played back as the instrument, with driver faults if asked: the entry point `replay`."""

from __future__ import annotations

from acquisition.errors import ConfigError
from acquisition.file_kind import guess_url
from acquisition.source import Source, open_source
from simulator.faults.faulty_source import steady_block, with_faults


def open_replay(
    path: str,
    *,
    fault: str = "",
    seed: str | int = 1,
    speed: str | float | None = None,
    block_samples: str | int | None = None,
) -> Source:
    """Open a recording as the instrument that made it, `replay:PATH?fault=drop:rate=1e-4`.

    Parameters
    ----------
    path
        A trace file or an ATOM record.
    fault
        Driver faults as for `parse_faults`; empty is none.
    seed
        Of the faults; the same seed has the same faults.
    speed, block_samples
        As in `acquisition.trace_source.open_trace`.

    Raises
    ------
    ConfigError
        If an option does not make sense.
    TraceError
        If the recording cannot be read.
    """
    number, url = _seed(seed), guess_url(path)
    if fault and block_samples is None:
        with open_source(url) as recording:
            block_samples = steady_block(recording.instrument)
    return with_faults(open_source(url, speed=speed, block_samples=block_samples), fault, number)


def _seed(value: str | int) -> int:
    try:
        number = int(value)
    except ValueError:
        number = -1
    if number < 0:
        raise ConfigError(f"The seed of the faults must be a whole number of at least 0, not '{value}'.")
    return number
