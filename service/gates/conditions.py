"""Gates as conditions of a query: numbers as literals, texts as parameters, columns only if the table has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from service.errors import QueryError
from service.gates.gate import Axis, Combination, Ellipse, Filter, Gate, Polygon, Rectangle, Region
from service.gates.scales import number
from service.gates.where import ColumnKind, Condition, joined, parse_where

MOST_SQL = 400_000
"""Characters of a gate as SQL: gates made of gates made of gates could otherwise grow without bound."""
DEEPEST = 64


class GateConditions:
    """Gives the conditions of gates by their names.

    Parameters
    ----------
    gates
        The gates that there are, by name.
    columns
        Columns of the table; None where it has none yet.
    """

    def __init__(self, gates: Mapping[str, Gate], columns: Mapping[str, ColumnKind] | None) -> None:
        self._gates = gates
        self._columns = columns
        self._open: list[str] = []
        self._done: dict[str, Condition] = {}

    def __call__(self, name: str) -> Condition:
        """Return the condition of a gate and all that it lies in; it is true or false, never NULL.

        Raises
        ------
        QueryError
            If there is no such gate, if it needs a column that the table does not have, if gates go round in a circle,
            or if it is made of too many others.
        """
        if name in self._done:
            return self._done[name]
        gate = self._gates.get(name)
        if gate is None:
            known = ", ".join(sorted(self._gates)[:10]) or "none yet"
            raise QueryError(f"There is no gate '{name[:64]}'; the run has {known}.")
        if name in self._open:
            raise QueryError(f"The gate '{name}' would lie in itself ({' in '.join([*self._open, name])}).")
        if len(self._open) >= DEEPEST:
            raise QueryError(f"The gate '{self._open[0]}' lies in more than {DEEPEST} others; use fewer.")
        self._open.append(name)
        try:
            own = self._region(gate.region)
            condition = own if gate.parent is None else joined("and", [self(gate.parent), own])
        finally:
            self._open.pop()
        if len(condition.sql) > MOST_SQL:
            raise QueryError(f"The gate '{name}' is made of too many others; use fewer or simpler ones.")
        self._done[name] = condition
        return condition

    def _region(self, region: Region) -> Condition:
        for axis in region.axes:
            self._check(axis)
        match region:
            case Rectangle():
                return _certain(_rectangle(region))
            case Polygon():
                return _certain(_polygon(region))
            case Ellipse():
                return _certain(_ellipse(region))
            case Filter():
                inner = parse_where(region.where, self._columns, self)
                return Condition(_certain(inner.sql).sql, inner.parameters)
            case Combination():
                return self._combination(region)

    def _combination(self, region: Combination) -> Condition:
        parts = [
            Condition(f"(NOT {part.sql})", part.parameters) if operand.complement != (region.kind == "not") else part
            for operand, part in ((operand, self(operand.gate)) for operand in region.of)
        ]
        return joined("or" if region.kind == "or" else "and", parts)

    def _check(self, axis: Axis) -> None:
        kind = ColumnKind.NUMBER if self._columns is None else self._columns.get(axis.column)
        if kind is None:
            raise QueryError(f"There is no column '{axis.column}' to draw a gate on; the run lists its columns.")
        if kind is not ColumnKind.NUMBER:
            raise QueryError(f"The column '{axis.column}' holds {kind}, on which no region can be drawn; use a filter.")


def _certain(sql: str) -> Condition:
    """Cells without a value are in no region, and so in its complement."""
    return Condition(f"coalesce({sql}, FALSE)")


def _place(axis: Axis) -> str:
    return axis.scale.sql(f'"{axis.column}"')


def _rectangle(region: Rectangle) -> str:
    bounds = [f"{_place(side)} >= {number(side.low)}" for side in region.sides if side.low is not None]
    bounds += [f"{_place(side)} < {number(side.high)}" for side in region.sides if side.high is not None]
    known = [f'"{side.column}" IS NOT NULL' for side in region.sides if side.low is None and side.high is None]
    return " AND ".join((*bounds, *known))


def _polygon(region: Polygon) -> str:
    """Count the edges to the right of the point: an odd number of them, and it is inside (even-odd rule)."""
    x, y = _place(region.x), _place(region.y)
    corners = np.array(region.vertices)
    crossings = []
    for (x0, y0), (x1, y1) in zip(region.vertices, (*region.vertices[1:], region.vertices[0]), strict=True):
        if y0 != y1:
            low, high = sorted((y0, y1))
            edge = f"{number(x0)} + {number((x1 - x0) / (y1 - y0))} * ({y} - {number(y0)})"
            crossings.append(f"({y} >= {number(low)} AND {y} < {number(high)} AND {x} < {edge})")
    if not crossings:
        return "FALSE"
    (left, lower), (right, upper) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    # Most cells are outside the box, and it costs little to see so.
    box = f"{x} >= {number(left)} AND {x} <= {number(right)} AND {y} >= {number(lower)} AND {y} <= {number(upper)}"
    return f"{box} AND {_odd(crossings)}"


def _odd(terms: Sequence[str]) -> str:
    """Whether an odd number of terms holds; halves of halves, as SQL's expressions may not be nested deeply."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return f"({_odd(terms[:half])} <> {_odd(terms[half:])})"


def _ellipse(region: Ellipse) -> str:
    """Sum the squares of L^-1 (v - centre), with L the Cholesky factor of the covariance."""
    inverse = np.linalg.inv(np.linalg.cholesky(np.array(region.covariance))).tolist()
    shifted = [f"({_place(axis)} - {number(middle)})" for axis, middle in zip(region.over, region.centre, strict=True)]
    rows = [
        " + ".join(f"{number(weight)} * {value}" for weight, value in zip(row, shifted, strict=True)) for row in inverse
    ]
    return " + ".join(f"({row}) * ({row})" for row in rows) + f" <= {number(region.distance_squared)}"
