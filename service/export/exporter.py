"""What a format has to do: write what is wanted of a run to a file, or say it piece by piece."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from acquisition.errors import ConfigError
from service.export.selection import Selection

Progress = Callable[[int, int], None]
"""Takes the rows, cells or samples that are done, and all of them."""


class Option(StrEnum):
    """What only some formats can be asked for."""

    CHANNEL = "channel"
    RESTORE = "restore"
    PREPARE = "prepare"
    SETUP = "setup"


class Exporter(ABC):
    """One format.

    Attributes
    ----------
    suffix, media_type
        Of its files.
    unit
        What progress counts.
    options
        What it can be asked for beside events.
    """

    suffix: ClassVar[str]
    media_type: ClassVar[str]
    unit: ClassVar[str] = "rows"
    options: ClassVar[frozenset[Option]] = frozenset()

    def check(self, wanted: Selection) -> None:
        """Check that what is wanted can be had in this format, before anything is written.

        Raises
        ------
        ConfigError
            If it cannot, or what the format needs is not installed.
        """
        asked = {
            Option.CHANNEL: bool(wanted.pictures.channels),
            Option.RESTORE: wanted.pictures.is_restored,
            Option.PREPARE: wanted.pictures.prepared_px is not None,
            Option.SETUP: bool(wanted.setup),
        }
        for option, is_asked in asked.items():
            if is_asked and option not in self.options:
                raise ConfigError(f"This format has no '{option}'; leave it out, or choose a format that has it.")

    @abstractmethod
    def write(self, wanted: Selection, path: Path, progress: Progress) -> None:
        """Write what is wanted to a new file.

        Parameters
        ----------
        wanted
            Already checked.
        path
            A file that does not exist, in a folder that may be written to; left as it is where writing fails.
        progress
            Called now and then.
        """


class StreamedExporter(Exporter):
    """A format that is written from its beginning to its end, and so can be sent while it is made."""

    @abstractmethod
    def pieces(self, wanted: Selection, progress: Progress) -> Iterator[bytes]:
        """Return the file piece by piece; parameters as of `write`."""

    def write(self, wanted: Selection, path: Path, progress: Progress) -> None:
        """Write what is wanted to a new file."""
        with path.open("xb") as file:
            for piece in self.pieces(wanted, progress):
                file.write(piece)
