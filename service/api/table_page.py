"""A page of a table in the form that the caller wants: JSON, CSV, Parquet or Arrow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import Depends, Query, Request, Response
from pyarrow import csv

from service.api.documents import CellList, CellRow, CellValue
from service.api.negotiation import preferred
from service.errors import QueryError
from service.store.questions.paging import CellPage

JSON_ROWS = 5000
NEXT, TOTAL = "Lightline-Next", "Lightline-Total"
"""Headers that say what a page of a form without room for it cannot."""


class TableForm(StrEnum):
    """How a page of a table is written."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"


MEDIA: dict[TableForm, str] = {
    TableForm.JSON: "application/json",
    TableForm.CSV: "text/csv; charset=utf-8",
    TableForm.PARQUET: "application/vnd.apache.parquet",
    TableForm.ARROW: "application/vnd.apache.arrow.stream",
}
BINARY = {"schema": {"type": "string", "format": "binary"}}
TABLES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            MEDIA[TableForm.PARQUET]: BINARY,
            MEDIA[TableForm.ARROW]: BINARY,
        }
    }
}
"""What such a route may answer beside JSON, for the OpenAPI description."""


async def table_form(
    request: Request,
    format: Annotated[TableForm | None, Query(description="Without it, what `Accept` asks for, or JSON")] = None,
) -> TableForm:
    """Return the form that a request asks for."""
    return preferred(request.headers.get("accept"), MEDIA) if format is None else format


TableFormOf = Annotated[TableForm, Depends(table_form)]


def check_size(form: TableForm, limit: int) -> None:
    """Check that a page of this form may be so large.

    Raises
    ------
    QueryError
        If it may not.
    """
    if form is TableForm.JSON and limit > JSON_ROWS:
        raise QueryError(f"A page of JSON has at most {JSON_ROWS} rows; ask for fewer, or with format=arrow.")


def page_answer(page: CellPage, form: TableForm, request: Request, response: Response) -> CellList | Response:
    """Return a page in its form, with where to go on in headers; `response` has the headers that every answer takes."""
    response.headers[TOTAL] = str(page.total)
    if page.next is not None:
        onwards = request.url.include_query_params(after=page.next).remove_query_params("token")
        response.headers[NEXT] = str(page.next)
        response.headers["Link"] = f'<{onwards.path}?{onwards.query}>; rel="next"'
    if form is TableForm.JSON:
        rows = [plain_row(row) for row in page.rows]
        # Nothing else can be in them; to check thousands of values takes as long as to find them.
        return CellList.model_construct(rows=rows, next=page.next, total=page.total)
    return Response(_written(page.table, form), media_type=MEDIA[form], headers=dict(response.headers))


def _written(table: Any, form: TableForm) -> bytes:
    sink = pa.BufferOutputStream()
    if form is TableForm.ARROW:
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    elif form is TableForm.PARQUET:
        pq.write_table(table, sink, compression="zstd")
    else:
        single = [name for name in table.column_names if not pa.types.is_list(table.schema.field(name).type)]
        csv.write_csv(table.select(single), sink, csv.WriteOptions(quoting_style="needed"))
    written: bytes = sink.getvalue().to_pybytes()
    return written


def plain_row(row: Mapping[str, Any]) -> CellRow:
    """Return the row's single values, with None for what could not be measured, because JSON has no NaN."""
    return {name: _plain(value) for name, value in row.items() if not isinstance(value, list)}


def _plain(value: Any) -> CellValue:
    unmeasured = isinstance(value, float) and not math.isfinite(value)
    return None if unmeasured else cast(CellValue, value)
