"""Files by name, in a folder or a zip."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Protocol

from acquisition.errors import ConfigError
from acquisition.real_images.decode import MOST_BYTES


class Store(Protocol):
    """Files by their names; only a name that was listed is ever read."""

    @property
    def name(self) -> str:
        """Name of the whole, for labels and sentences."""

    def names(self) -> list[str]:
        """Names of the files, with `/` between folders."""

    def read(self, name: str) -> bytes:
        """Bytes of a listed file.

        Raises
        ------
        ConfigError
            If it cannot be read, or is larger than an image may be.
        """


class FolderStore:
    """The files of a folder and its sub-folders; see `Store`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self._path.resolve().name

    def names(self) -> list[str]:
        """Names against the folder."""
        return [file.relative_to(self._path).as_posix() for file in self._path.rglob("*") if file.is_file()]

    def read(self, name: str) -> bytes:
        """Bytes of a file."""
        file = self._path / name
        try:
            if file.stat().st_size > MOST_BYTES:
                raise _too_large(name)
            return file.read_bytes()
        except OSError as error:
            raise ConfigError(f"The file '{name}' cannot be read: {error.strerror}.") from None


class ZipStore:
    """The members of a zip; see `Store`. Nothing is unpacked, and no member's name reaches the file system.

    Raises
    ------
    ConfigError
        If the file is no zip.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # Kept open, because the list of ten thousand members takes longer to read than an image.
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError):
            raise ConfigError(f"The file '{path.name}' is no zip, or is damaged; get it again.") from None

    @property
    def name(self) -> str:
        """Name of the file without its suffix."""
        return self._path.stem

    def names(self) -> list[str]:
        """Names of the members."""
        return [info.filename for info in self._zip.infolist() if not info.is_dir()]

    def read(self, name: str) -> bytes:
        """Bytes of a member, whatever size it claims."""
        try:
            with self._zip.open(name) as member:
                data = member.read(MOST_BYTES + 1)
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError):
            raise ConfigError(f"The member '{name}' of '{self._path.name}' is damaged; get the file again.") from None
        if len(data) > MOST_BYTES:
            raise _too_large(name)
        return data


def _too_large(name: str) -> ConfigError:
    return ConfigError(f"The file '{name}' is larger than {MOST_BYTES >> 20} MiB; leave it out.")
