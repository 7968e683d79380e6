"""An export that comes over HTTP, written beside its place and named when it is whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from service.client.errors import ClientError

Progress = Callable[[int, int | None], None]
"""Takes the bytes that have come, and all of them where the service knows."""
EXPORT_TIMEOUT_S = 600.0
"""An export in a format that is not streamed is written before its first byte."""


@dataclass(frozen=True)
class Download:
    """A file on its way.

    Attributes
    ----------
    out
        A file, or a folder, in which it takes the service's name.
    progress
        Called with every piece.
    """

    out: Path
    progress: Progress | None = None

    def target(self, answer: httpx.Response) -> Path:
        """Return the file that it becomes."""
        if not self.out.is_dir():
            return self.out
        named = re.search(r'filename="([^"/\\]+)"', answer.headers.get("content-disposition", ""))
        return self.out / (Path(named[1]).name if named else "export")

    @contextmanager
    def writing(self, answer: httpx.Response) -> Iterator[Callable[[bytes], None]]:
        """Give what takes the pieces of an answer; the file is in its place once all of them are written.

        Raises
        ------
        ClientError
            If the disk does not take it.
        """
        path = self.target(answer)
        part = path.with_name(f".{path.name}.part")
        try:
            with part.open("wb") as file:
                yield lambda piece: self._take(file, piece, answer)
            part.replace(path)
        except OSError as error:
            raise ClientError(f"'{path}' cannot be written ({error.strerror}); choose another place.") from None
        finally:
            part.unlink(missing_ok=True)

    def _take(self, file: IO[bytes], piece: bytes, answer: httpx.Response) -> None:
        file.write(piece)
        if self.progress is not None:
            length = answer.headers.get("content-length")
            self.progress(file.tell(), int(length) if length else None)
