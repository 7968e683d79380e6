"""One part into a folder of Parquet files, on a disk or in an object store, and what its set says of itself."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pyarrow import fs

from service.result_set import ResultSet
from service.sink.errors import SinkAway
from service.sink.sealed import SealedPart
from service.store.tables.result_tables import TABLES

_INCOMING = "incoming"
"""Where files are until they are whole."""
_PIECE = 1 << 20


class PartFiles:
    """Sealed parts as `TABLE/run=RUN/results=NAME/part-00000.parquet`, and `about/RUN/NAME.json`; for one thread.

    A part is written elsewhere and moved to its place, so that a file that is there is whole. It has the same name and
    content whoever copies it, so that copied twice it is there once.

    Parameters
    ----------
    address
        URI of a folder, of those that `pyarrow.fs` knows: `file:///...`, `s3://...`, `gs://...`, `fsspec+NAME://...`.

    Raises
    ------
    SinkAway
        From everything here, where the place cannot be reached, or does not let us write.
    """

    def __init__(self, address: str) -> None:
        with _reached():
            self._system, root = fs.FileSystem.from_uri(address)
            self._root = root.rstrip("/")
            self._system.create_dir(self._root, recursive=True)

    def begin(self, about: ResultSet) -> None:
        """Note a result set as it stands; files of an earlier one of its name, since removed, go."""
        place = f"{self._root}/about/{about.run}/{about.name}.json"
        with _reached():
            known = self._read(place)
            if known is not None and json.loads(known).get("started_at") != about.started_at:
                for table in TABLES:
                    if self._there(self._folder(about, table)):
                        self._system.delete_dir(self._folder(about, table))
            written = about.model_dump_json().encode()
            if known != written:
                self._write(place, [written])

    def copied(self, about: ResultSet) -> set[tuple[str, str]]:
        """Return the tables and parts of a set that are there."""
        found = set()
        with _reached():
            for table in TABLES:
                chosen = fs.FileSelector(self._folder(about, table), allow_not_found=True)
                found |= {(table, one.base_name) for one in self._system.get_file_info(chosen)}
        return found

    def copy(self, sealed: SealedPart) -> int:
        """Copy a part; return how many rows were copied.

        Raises
        ------
        OSError
            If the part cannot be read; then nothing of it is there.
        """
        place = f"{self._folder(sealed.about, sealed.table)}/{sealed.part.path.name}"
        with sealed.part.path.open("rb") as file, _reached():
            self._write(place, iter(lambda: file.read(_PIECE), b""))
        return sealed.part.rows

    def close(self) -> None:
        """Nothing is open between two parts."""

    def _folder(self, about: ResultSet, table: str) -> str:
        return f"{self._root}/{table}/run={about.run}/results={about.name}"

    def _there(self, place: str) -> bool:
        return bool(self._system.get_file_info(place).type is not fs.FileType.NotFound)

    def _read(self, place: str) -> bytes | None:
        if not self._there(place):
            return None
        with self._system.open_input_stream(place) as stream:
            content: bytes = stream.read()
        return content

    def _write(self, place: str, pieces: Any) -> None:
        incoming = f"{self._root}/{_INCOMING}/{uuid.uuid4().hex}"
        self._system.create_dir(f"{self._root}/{_INCOMING}", recursive=True)
        with self._system.open_output_stream(incoming) as stream:
            for piece in pieces:
                stream.write(piece)
        self._system.create_dir(place.rpartition("/")[0], recursive=True)
        self._system.move(incoming, place)


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException, ImportError, ValueError) as error:
        raise SinkAway(f"The sink cannot be written to ({error}).") from None
