"""A part as CSV that PostgreSQL reads, piece by piece; made by Arrow, so that a run's threads are not held up."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

_ROWS = 8192
"""In memory at a time."""


def csv_pieces(path: Path, run: str, results: str) -> Iterator[bytes]:
    """Return the rows of a part, with the run and the result set before them.

    Numbers are written so that they are read as the same ones; what is not there is empty without quotation marks.
    """
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS, use_threads=False):
            whose = [pa.array([text] * batch.num_rows) for text in (run, results)]
            columns = [*whose, *(_plain(column) for column in batch.columns)]
            sink = io.BytesIO()
            pyarrow.csv.write_csv(pa.table(columns, ["run", "results", *batch.schema.names]), sink, options)
            yield sink.getvalue()


def _plain(column: Any) -> Any:
    """Return a list of numbers as the text of an array: `{1.5,2}`."""
    if not pa.types.is_list(column.type):
        return column
    listed = pc.binary_join(column.cast(pa.list_(pa.string())), ",")
    return pc.binary_join_element_wise("{", listed, "}", "")
