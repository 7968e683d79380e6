"""The sources of the imported formats: one opener a scheme, all alike."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from acquisition.importers.foreign import ForeignFile
from acquisition.importers.imported import ImportedRecording
from acquisition.importers.instruments import instrument_for
from acquisition.replay import Replay
from acquisition.replay_options import parse_block_samples, parse_speed

READERS = {
    "raw": "acquisition.importers.raw:RawFile",
    "sigmf": "acquisition.importers.sigmf:SigmfFile",
    "sbench6": "acquisition.importers.sbench6:Sbench6File",
    "lecroy": "acquisition.importers.lecroy:LecroyFile",
    "wavedump": "acquisition.importers.wavedump:WaveDumpFile",
    "tdms": "acquisition.importers.tdms:TdmsRecording",
}
"""Scheme of each format and its reader, imported when it is needed."""


def open_foreign(scheme: str, path: str, **options: Any) -> ForeignFile:
    """Open a foreign file without an instrument.

    Parameters
    ----------
    scheme
        One of `READERS`.
    path
        The file.
    options
        Of the reader.

    Raises
    ------
    ConfigError
        If an option does not make sense, or the format needs a package that is not installed.
    TraceError
        If the file cannot be read.
    """
    module, _, name = READERS[scheme].partition(":")
    reader: Callable[..., ForeignFile] = getattr(import_module(module), name)
    return reader(path, **options)


def _opener(scheme: str) -> Callable[..., Replay]:
    def open_imported(
        path: str,
        instrument: str | None = None,
        speed: str | float | None = None,
        block_samples: str | int | None = None,
        **options: Any,
    ) -> Replay:
        pace, size = parse_speed(speed), parse_block_samples(block_samples)
        foreign = open_foreign(scheme, path, **options)
        try:
            recording = ImportedRecording(foreign, instrument_for(foreign.contents, instrument))
            return Replay(recording, speed=pace, block_samples=size)
        except Exception:
            foreign.close()
            raise

    open_imported.__doc__ = f"""Open a file of the format `{scheme}` as a source.

    Parameters
    ----------
    path
        The file.
    instrument
        Preset or JSON file of the instrument; None takes what the file carries.
    speed, block_samples
        As in `open_trace`.
    options
        Of the reader of this format.

    Raises
    ------
    ConfigError
        If the instrument is missing or does not fit, or an option does not make sense.
    TraceError
        If the file cannot be read.
    """
    return open_imported


open_raw = _opener("raw")
open_sigmf = _opener("sigmf")
open_sbench6 = _opener("sbench6")
open_lecroy = _opener("lecroy")
open_wavedump = _opener("wavedump")
open_tdms = _opener("tdms")
