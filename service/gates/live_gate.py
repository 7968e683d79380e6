"""Gates asked of rows that come from the line, before any of them is in a table; the answers are those of DuckDB."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from service.gates.conditions import GateConditions
from service.gates.gate import Axis, Combination, Ellipse, Filter, Gate, Polygon, Rectangle, Region
from service.gates.scales import Linear
from service.gates.where import ColumnKind, Value, parse_filter

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.float64]
Test = Callable[["_Rows"], Mask]

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class LiveGate:
    """Tells which rows are in a gate and in all that it lies in, by numpy, in tens of microseconds for a batch.

    Parameters
    ----------
    name
        The gate.
    gates
        The gates that there are, by name.
    columns
        Columns of the rows; a column that the rows do not have then is empty in all of them.

    Raises
    ------
    QueryError
        As `GateConditions`, whose rules these are.
    """

    def __init__(self, name: str, gates: Mapping[str, Gate], columns: Mapping[str, ColumnKind]) -> None:
        # It checks everything, so that nothing has to be checked here.
        GateConditions(gates, columns)(name)
        self.name = name
        self._gates = gates
        self._columns = columns
        self._tests: dict[str, Test] = {}
        self._test = self._gate(name)

    def inside(self, rows: Any) -> Mask:
        """Return which rows of a `pyarrow.Table`, as they are to be stored, lie in the gate, `(n,)`."""
        # What infinite numbers and missing ones lead to has its place in the order of numbers.
        with np.errstate(all="ignore"):
            return self._test(_Rows(rows))

    def _gate(self, name: str) -> Test:
        if name not in self._tests:
            gate = self._gates[name]
            test = self._region(gate.region)
            if gate.parent is not None:
                test = _all([self._gate(gate.parent), test])
            self._tests[name] = lambda rows: rows.known(name, test)
        return self._tests[name]

    def _region(self, region: Region) -> Test:
        match region:
            case Rectangle():
                return lambda rows: _in_rectangle(region, rows)
            case Polygon():
                outline = _Outline.of(region)
                return lambda rows: _in_polygon(outline, rows)
            case Ellipse():
                inverse = np.linalg.inv(np.linalg.cholesky(np.array(region.covariance)))
                return lambda rows: _in_ellipse(region, inverse, rows)
            case Filter():
                return parse_filter(region.where, self._columns, _Tests(self._gate))
            case Combination():
                parts = [self._operand(one.gate, one.complement != (region.kind == "not")) for one in region.of]
                return _any(parts) if region.kind == "or" else _all(parts)

    def _operand(self, name: str, complement: bool) -> Test:
        test = self._gate(name)
        return _not(test) if complement else test


@dataclass(frozen=True)
class _Rows:
    """The rows of one batch; what was asked once is kept."""

    table: Any
    _columns: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    _known: dict[str, Mask] = field(default_factory=dict)

    def known(self, name: str, test: Test) -> Mask:
        """Return which rows are in the gate of a name."""
        if name not in self._known:
            self._known[name] = test(self)
        return self._known[name]

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column, `(n,)`; NaN or None where there is no value."""
        if name not in self._columns:
            # Asked so, because a list of all names takes longer than all the rest.
            index = self.table.schema.get_field_index(name)
            nothing = np.full(self.table.num_rows, None, dtype=object)
            self._columns[name] = nothing if index < 0 else self.table.column(index).to_numpy()
        return self._columns[name]

    def places(self, axis: Axis) -> tuple[Places, Mask]:
        """Return where the rows lie on an axis, `(n,)`, and which have a place there."""
        places = np.asarray(self.column(axis.column), dtype=np.float64)
        if not isinstance(axis.scale, Linear):
            # Not by numpy, whose logarithms may differ from the database's in the last place.
            places = np.array([axis.scale.of(value) for value in places.tolist()], dtype=np.float64)
        return places, ~np.isnan(places)


@dataclass(frozen=True)
class _Tests:
    """Makes tests of a filter."""

    gate: Callable[[str], Test]

    def compared(self, column: str, operator: str, value: Value) -> Test:
        return lambda rows: _compared(rows.column(column), operator, value)

    def in_gate(self, name: str, *, complement: bool) -> Test:
        return _not(self.gate(name)) if complement else self.gate(name)

    def joined(self, word: str, parts: Sequence[Test]) -> Test:
        return _any(parts) if word == "or" else _all(parts)


def _all(parts: Sequence[Test]) -> Test:
    return lambda rows: reduce(operator.and_, [part(rows) for part in parts])


def _any(parts: Sequence[Test]) -> Test:
    return lambda rows: reduce(operator.or_, [part(rows) for part in parts])


def _not(test: Test) -> Test:
    return lambda rows: ~test(rows)


def _compared(values: npt.NDArray[Any], symbol: str, value: Value) -> Mask:
    compare = _COMPARE[symbol]
    if values.dtype == object:
        return np.array([one is not None and compare(one, value) for one in values.tolist()], dtype=bool)
    if values.dtype == np.float32 and isinstance(value, float):
        values = values.astype(np.float64)
    there = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), dtype=bool)
    return np.asarray(compare(values, value) & there, dtype=bool)


def _less(a: Places, b: Places) -> Mask:
    """Whether a < b, where NaN, which infinite numbers may lead to, is the largest of all."""
    return np.asarray((a < b) | (np.isnan(b) & ~np.isnan(a)))


def _in_rectangle(region: Rectangle, rows: _Rows) -> Mask:
    inside = np.ones(rows.table.num_rows, dtype=bool)
    for side in region.sides:
        places, there = rows.places(side)
        if side.low is None and side.high is None:
            # Any value will do, also one that the scale has no place for.
            there = ~np.isnan(np.asarray(rows.column(side.column), dtype=np.float64))
        inside &= there
        if side.low is not None:
            inside &= places >= side.low
        if side.high is not None:
            inside &= places < side.high
    return inside


@dataclass(frozen=True)
class _Outline:
    """A polygon with its edges as columns, level ones left out."""

    x: Axis
    y: Axis
    least: Places
    """`(2,)`, x and y."""
    largest: Places
    edges: tuple[Places, ...]
    """Beginnings in x and y, slopes, lower and upper ends in y; `(m,)` each."""

    @classmethod
    def of(cls, region: Polygon) -> Self:
        corners = np.array(region.vertices)
        (x0, y0), (x1, y1) = corners.T, np.roll(corners, -1, axis=0).T
        sloping = y0 != y1
        x0, y0, x1, y1 = (ends[sloping] for ends in (x0, y0, x1, y1))
        edges = (x0, y0, (x1 - x0) / (y1 - y0), np.minimum(y0, y1), np.maximum(y0, y1))
        return cls(region.x, region.y, corners.min(axis=0), corners.max(axis=0), edges)


def _in_polygon(outline: _Outline, rows: _Rows) -> Mask:
    """Count the edges to the right of each point: an odd number of them, and it is inside."""
    (x, x_there), (y, y_there) = rows.places(outline.x), rows.places(outline.y)
    (left, lower), (right, upper) = outline.least, outline.largest
    inside = x_there & y_there & (x >= left) & (x <= right) & (y >= lower) & (y <= upper)
    if not inside.any():
        return np.asarray(inside)
    x0, y0, slope, low, high = outline.edges
    x, y = x[:, None], y[:, None]
    crossed = (y >= low) & (y < high) & _less(x, x0 + slope * (y - y0))
    return np.asarray(inside & (crossed.sum(axis=1) % 2 == 1))


def _in_ellipse(region: Ellipse, inverse: Places, rows: _Rows) -> Mask:
    placed = [rows.places(axis) for axis in region.over]
    shifted = [places - middle for (places, _), middle in zip(placed, region.centre, strict=True)]
    # Added up in the order of the database's, so that the last place of the sum is the same.
    lengths = [
        reduce(operator.add, [weight * value for weight, value in zip(row, shifted, strict=True)]) for row in inverse
    ]
    distance = reduce(operator.add, [length * length for length in lengths])
    there = reduce(operator.and_, [there for _, there in placed])
    return np.asarray(there & (distance <= region.distance_squared))
