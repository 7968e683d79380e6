"""A part as PostgreSQL's binary COPY format, piece by piece: the server takes it much faster than text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from service.sink.kinds import carried_kind

_ROWS = 2048
"""In memory at a time; few, as a run's threads may have to wait while they are encoded."""


def binary_pieces(path: Path, run: str, results: str) -> Iterator[bytes]:
    """Return the rows of a part, with the run and the result set before them.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If the part cannot be read, or a number is too large for the server's kind.
    """
    from pgpq import ArrowToPostgresBinaryEncoder

    with pq.ParquetFile(path) as file:
        whose = [(name, pa.string()) for name in ("run", "results")]
        schema = pa.schema([*whose, *((field.name, carried_kind(field.type)) for field in file.schema_arrow)])
        encoder = ArrowToPostgresBinaryEncoder(schema)
        yield encoder.write_header()
        for batch in file.iter_batches(_ROWS, use_threads=False):
            named = [pa.repeat(text, batch.num_rows) for text in (run, results)]
            cast = [column.cast(carried_kind(column.type)) for column in batch.columns]
            yield encoder.write_batch(pa.record_batch([*named, *cast], schema=schema))
        yield encoder.finish()
