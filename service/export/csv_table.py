"""Comma-separated text: a line of names, and one line an event."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import csv

from service.export.columns import FlatColumns
from service.export.exporter import Progress, StreamedExporter
from service.export.outbox import Outbox
from service.export.selection import Selection


class CsvExporter(StreamedExporter):
    """Every column, lists as one column an entry; empty where nothing could be measured; the origin comes last."""

    suffix = ".csv"
    media_type = "text/csv; charset=utf-8"

    def pieces(self, wanted: Selection, progress: Progress) -> Iterator[bytes]:
        """Return the file part by part."""
        flat, outbox = FlatColumns.of(wanted), Outbox()
        schema = flat.schema.append(pa.field("run", pa.string())).append(pa.field("origin", pa.string()))
        run = wanted.run
        with csv.CSVWriter(outbox, schema, write_options=csv.WriteOptions(quoting_style="needed")) as writer:
            yield outbox.take()
            for seen, table in flat.tables(wanted):
                whose = [pa.array([text] * table.num_rows) for text in (run.id, run.origin.value)]
                writer.write_table(pa.table([*table.columns, *whose], schema=schema))
                progress(seen, wanted.rows.total)
                yield outbox.take()
        yield outbox.take()
