"""FCS 3.1: one parameter a column, every event a row of float32."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.export.about import about
from service.export.columns import ANSWER, PLACE, FlatColumns, embedding_names, numbers
from service.export.exporter import Progress, StreamedExporter
from service.export.fcs_layout import NO_CHECKSUM, fcs_beginning
from service.export.selection import Selection
from service.gates.fcs_names import FCS_NAMES

NOT_MEASURED = -(2.0**30)
"""Stands where there is no number, because programs of flow cytometry know no NaN."""
SPLIT = 1 << 24
"""Whole numbers from here on do not fit float32; they are split into what is left over it and how often it fits."""

_IS_SPLIT = ("event_id", "trigger_tick")
_HIGH = "_high"


class FcsExporter(StreamedExporter):
    """Every column of the table as a parameter, in list mode."""

    suffix = ".fcs"
    media_type = "application/vnd.isac.fcs"

    def pieces(self, wanted: Selection, progress: Progress) -> Iterator[bytes]:
        """Return the file part by part; rows are counted before the first."""
        layout = _Layout.of(wanted)
        rows = wanted.rows
        count = rows.count()
        keywords = {**_required(layout.parameters, count), **layout.keywords(wanted)}
        yield fcs_beginning(keywords, 4 * len(layout.parameters) * count)
        for seen, table in layout.flat.tables(wanted):
            progress(seen, rows.total)
            yield layout.values(table).tobytes()
        yield NO_CHECKSUM


@dataclass(frozen=True)
class _Parameter:
    """One column of the file.

    Attributes
    ----------
    name, column
        Its short name, and the column of the table that it is made of.
    high
        Whether it holds how often `SPLIT` fits into a whole number.
    """

    name: str
    column: str
    high: bool = False

    @property
    def long_name(self) -> str:
        return self.column + (_HIGH if self.high else "")


@dataclass(frozen=True)
class _Layout:
    """Which parameters there are, what numbers stand for texts, and how far values go."""

    flat: FlatColumns
    parameters: tuple[_Parameter, ...]
    codes: dict[str, list[str]]
    largest: dict[str, float | None]

    @classmethod
    def of(cls, wanted: Selection) -> _Layout:
        flat, rows = FlatColumns.of(wanted), wanted.rows
        texts = [field.name for field in rows.schema if pa.types.is_string(field.type)]
        measured = [
            field.name for field in rows.schema if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
        ]
        codes = {name: [text for text in rows.texts(name) if text] for name in texts}
        return cls(flat, _parameters(flat), codes, rows.largest(measured))

    def keywords(self, wanted: Selection) -> dict[str, str]:
        """Return the keywords that say what the columns and whose the rows are."""
        run = wanted.run
        named = {f"$P{k}S": one.long_name for k, one in enumerate(self.parameters, start=1)}
        ranges = {f"$P{k}R": str(self._range(one)) for k, one in enumerate(self.parameters, start=1)}
        ours = {f"LIGHTLINE_{word.upper()}": text for word, text in about(wanted).items()}
        codes = {f"LIGHTLINE_CODES_{FCS_NAMES.get(name, name).upper()}": json.dumps(texts, ensure_ascii=False)
                 for name, texts in self.codes.items() if texts}  # fmt: skip
        return {
            **named,
            **ranges,
            "$CYT": run.instrument.name,
            "$SRC": run.source,
            "$COM": f"{run.origin.value.upper()} cells; LIGHTLINE_NOT_MEASURED stands where there is no number",
            "$TIMESTEP": "1",
            **_times(run.started_at, run.ended_at),
            "LIGHTLINE_NOT_MEASURED": str(int(NOT_MEASURED)),
            "LIGHTLINE_SPLIT": f"X + {SPLIT} * X{_HIGH} for X of {', '.join(FCS_NAMES[name] for name in _IS_SPLIT)}",
            **ours,
            **codes,
        }

    def values(self, table: Any) -> npt.NDArray[np.float32]:
        """Return rows as `(n, parameters)` float32, little endian."""
        block = np.empty((table.num_rows, len(self.parameters)), "<f4")
        for k, one in enumerate(self.parameters):
            column = self._numbers(one, table.column(one.column)).astype(np.float32)
            # A value that happens to be the one that stands for none gives way to it.
            column[column == NOT_MEASURED] = np.nextafter(np.float32(NOT_MEASURED), np.float32(0))
            column[~np.isfinite(column)] = NOT_MEASURED
            block[:, k] = column
        return block

    def _numbers(self, one: _Parameter, column: Any) -> npt.NDArray[Any]:
        if one.column in _IS_SPLIT:
            whole = np.rint(numbers(column, np.float64)).astype(np.int64)
            return np.asarray(whole // SPLIT if one.high else whole % SPLIT)
        if one.column in self.codes:
            code = {text: float(k) for k, text in enumerate(self.codes[one.column])}
            return np.array([code.get(text, math.nan) for text in column.to_pylist()], np.float64)
        if pa.types.is_boolean(column.type):
            return numbers(column.cast(pa.uint8()))
        return numbers(column)

    def _range(self, one: _Parameter) -> int:
        largest = self.largest.get(one.column) or 1.0
        if one.column in self.codes:
            largest = len(self.codes[one.column])
        if one.column in _IS_SPLIT:
            largest = largest // SPLIT if one.high else min(largest, SPLIT - 1)
        return max(1, math.ceil(largest))


def _parameters(flat: FlatColumns) -> tuple[_Parameter, ...]:
    """Return place and answer before what was measured."""
    entries = [name for names in flat.lists.values() for name in names]
    known = [name for name in (*PLACE, *ANSWER) if name in flat.schema.names]
    known += [name for names in embedding_names(flat.schema).values() for name in names] + entries
    names = [*known, *(name for name in flat.schema.names if name not in set(known))]
    parameters = []
    for name in names:
        # A comma cannot stand in a short name.
        short = FCS_NAMES.get(name, name).replace(",", ";")
        parameters.append(_Parameter(short, name))
        if name in _IS_SPLIT:
            parameters.append(_Parameter(short + _HIGH, name, high=True))
    return tuple(parameters)


def _required(parameters: tuple[_Parameter, ...], count: int) -> dict[str, str]:
    fixed = {
        "$BYTEORD": "1,2,3,4",
        "$DATATYPE": "F",
        "$MODE": "L",
        "$PAR": str(len(parameters)),
        "$TOT": str(count),
    }
    return fixed | {
        key: value
        for k, one in enumerate(parameters, start=1)
        for key, value in ((f"$P{k}B", "32"), (f"$P{k}E", "0,0"), (f"$P{k}N", one.name))
    }


def _times(started: str, ended: str | None) -> dict[str, str]:
    """Return the host's date and times in the standard's own words."""
    begin = datetime.fromisoformat(started)
    times = {"$DATE": begin.strftime("%d-%b-%Y").upper(), "$BTIM": begin.strftime("%H:%M:%S")}
    return times | ({"$ETIM": datetime.fromisoformat(ended).strftime("%H:%M:%S")} if ended else {})
