"""One Parquet file with the columns of the run folder's own, row group by row group."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.export.about import about
from service.export.exporter import Progress, StreamedExporter
from service.export.outbox import Outbox
from service.export.selection import Selection

ROWS_PER_GROUP = 20_000


class ParquetExporter(StreamedExporter):
    """The rows with the schema of `cells/` or `rejected/`; what is said of the run stands in the file's metadata."""

    suffix = ".parquet"
    media_type = "application/vnd.apache.parquet"

    def pieces(self, wanted: Selection, progress: Progress) -> Iterator[bytes]:
        """Return the file row group by row group."""
        rows, outbox = wanted.rows, Outbox()
        said = {"lightline": json.dumps(about(wanted)).encode()}
        with pq.ParquetWriter(outbox, rows.schema.with_metadata(said), compression="zstd") as writer:
            yield outbox.take()
            for seen, table in grouped(rows.tables(), ROWS_PER_GROUP):
                writer.write_table(table)
                progress(seen, rows.total)
                yield outbox.take()
        yield outbox.take()


def grouped(tables: Iterator[tuple[int, Any]], rows: int) -> Iterator[tuple[int, Any]]:
    """Join tables until they have so many rows, because runs of few cells a second have parts of few rows."""
    waiting: list[Any] = []
    seen = 0
    for seen, table in tables:
        waiting.append(table)
        if sum(one.num_rows for one in waiting) >= rows:
            yield seen, pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield seen, pa.concat_tables(waiting)
