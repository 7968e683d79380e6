"""A file that is there whole or not at all, whatever ends the export that writes it."""

from __future__ import annotations

from pathlib import Path

from acquisition.disk import explain
from acquisition.errors import ConfigError
from service.errors import StorageError
from service.export.exporter import Exporter, Progress
from service.export.selection import Selection
from service.result_set import LIVE


def file_name(wanted: Selection, exporter: Exporter) -> str:
    """Return a name that says which events of which run are in the file, and where they come from."""
    run = wanted.run
    of_set = "" if wanted.set_name == LIVE else f"-{wanted.set_name}"
    return f"{run.id}{of_set}-{run.origin.value}-{'rejected' if wanted.rejected else 'cells'}{exporter.suffix}"


def check_destination(path: Path, *, force: bool) -> None:
    """Check that a file can be written here.

    Raises
    ------
    ConfigError
        If there is one already and `force` does not say to replace it, or there is no such folder.
    """
    if not path.parent.is_dir():
        raise ConfigError(f"There is no folder '{path.parent}'; make it first.")
    if path.is_dir():
        raise ConfigError(f"'{path}' is a folder; name a file in it with --out.")
    if path.exists() and not force:
        raise ConfigError(f"The file '{path}' is there already; choose another name, or replace it with --force.")


def write_whole(exporter: Exporter, wanted: Selection, path: Path, progress: Progress) -> None:
    """Write a file beside its place and rename it when it is complete; a file that was there stays until then.

    Raises
    ------
    StorageError
        If the disk does not take it.
    LightlineError
        If the run does not have what is wanted.
    """
    unfinished = path.with_name(f".{path.name}.part")
    try:
        # What a killed export left.
        unfinished.unlink(missing_ok=True)
        exporter.write(wanted, unfinished, progress)
        unfinished.replace(path)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"The file '{path}' cannot be written: {explain(error)}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
