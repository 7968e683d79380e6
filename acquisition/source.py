"""Where samples come from: one protocol, opened by URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable
from urllib.parse import parse_qsl, unquote

import numpy as np
import numpy.typing as npt

from acquisition.block import Block
from acquisition.errors import ConfigError, EndOfStream, SourceTimeout, TraceError
from acquisition.instrument import Instrument
from acquisition.origin import Origin

ENTRY_POINT_GROUP = "lightline.sources"

Truth = Mapping[str, npt.NDArray[np.generic]]
"""What is known of the cells behind the samples, one row a cell: at least `cell` (id), `kind` (population, bytes),
`epoch` and `tick` (when its centre passes the first slit or line), then whatever the simulator or a label knows."""


@runtime_checkable
class Source(Protocol):
    """A stream of blocks: a digitizer, a recording or a simulation.

    States: closed -> `start` -> running -> (`stop` or an error) -> stopped -> `start` (a new epoch) ... -> `close`.
    Only `stop` may be called from another thread. `acquisition.testing` holds the conformance suite.
    """

    @property
    def instrument(self) -> Instrument:
        """The instrument that the samples come from."""

    @property
    def waits(self) -> bool:
        """True if the stream waits for its reader (recordings, simulations); False if unread samples are lost."""

    @property
    def origin(self) -> Origin:
        """Whether the samples are measured, made from real images, or simulated, now or when they were recorded."""

    @property
    def description(self) -> str:
        """One line for people: what this is."""

    @property
    def total_samples(self) -> int | None:
        """Samples per channel until the end, to show progress with; None if endless or unknown."""

    def start(self) -> None:
        """Begin to deliver; a second start begins a new epoch."""

    def read(self, timeout_s: float = 1.0) -> Block:
        """Next block.

        Raises
        ------
        SourceTimeout
            Nothing came in time; read again.
        EndOfStream
            A finite source has ended, or `stop` was called.
        Overrun, DeviceLost
            See their docstrings.
        """

    def stop(self) -> None:
        """End delivery within a second, from any thread; a blocked `read` raises `EndOfStream`."""

    def truth(self) -> Truth | None:
        """Return what is known of the cells delivered so far; None if nothing is."""

    def close(self) -> None:
        """Give everything back; may be called twice."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


def blocks(source: Source) -> Iterator[Block]:
    """Start a source and give its blocks until it ends; each is released when the next one is asked for.

    Idle times are waited out. Leaving the loop early stops the source.

    Raises
    ------
    Overrun, DeviceLost
        As `Source.read` does.
    """
    source.start()
    try:
        while True:
            try:
                block = source.read()
            except SourceTimeout:
                continue
            except EndOfStream:
                return
            yield block
            block.release()
    finally:
        source.stop()


def source_schemes() -> list[str]:
    """Schemes that `open_source` knows, with those of other packages."""
    return sorted(point.name for point in entry_points(group=ENTRY_POINT_GROUP))


def split_url(url: str) -> tuple[str, str, dict[str, str]]:
    """Split `scheme:path?key=value&…` into its parts; a plain path has the scheme `file`."""
    scheme, separator, rest = url.partition(":")
    if not separator or len(scheme) < 2 or "/" in scheme or "\\" in scheme:
        return "file", url, {}
    path, _, query = rest.partition("?")
    return scheme, unquote(path), dict(parse_qsl(query, keep_blank_values=True))


def open_source(url: str, **options: Any) -> Source:
    """Open the source that a URL names.

    Parameters
    ----------
    url
        `sim:PRESET?key=value`, `tcp://HOST:PORT`, `udp://HOST:PORT`, `spcm:/dev/spcm0?instrument=NAME` (a digitizer
        card), `replay:PATH?key=value` (a recording with driver faults), `atom:PATH`, `file:PATH`, or the plain path of
        a trace file.
    options
        Handed to the source's opener beside the URL's own `key=value` pairs, which win.

    Raises
    ------
    ConfigError
        If the scheme is unknown or an option does not make sense.
    TraceError
        If a recording cannot be read.
    """
    scheme, path, query = split_url(url)
    found = [point for point in entry_points(group=ENTRY_POINT_GROUP) if point.name == scheme]
    if not found:
        raise ConfigError(f"There is no source of the kind '{scheme}:'; use one of {', '.join(source_schemes())}.")
    opener = found[0].load()
    try:
        source: Source = opener(path, **{**options, **query})
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        option = str(error).rpartition("argument ")[2]
        raise ConfigError(f"The source '{scheme}:' has no option {option}.") from None
    return source


def existing_file(path: str) -> Path:
    """Return the path of a readable file.

    Raises
    ------
    TraceError
        If there is no such file.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise TraceError(f"There is no file '{path}'; check the name.")
    return file
