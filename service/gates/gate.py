"""What a gate is: an interval, rectangle, polygon or ellipse on one or more columns, a filter, or gates combined."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.gates.scales import Finite, Linear, Positive, Scale

MOST_VERTICES = 500
MOST_DIMENSIONS = 8
MOST_GATES = 500
"""Of one run."""
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_ .+/()-]{0,63}$"

GateName = Annotated[str, Field(pattern=NAME, description="Letters, digits, spaces and _ . + - / ( )")]
ColumnName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Axis(_Document):
    """A column, and the scale that the gate is drawn on; the gate's numbers are places on that scale."""

    column: ColumnName
    scale: Scale = Linear()


class Side(Axis):
    """One side of a rectangle, from `low`, which is in it, to `high`, which is not."""

    low: Finite | None = None
    """None means no bound."""
    high: Finite | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"the gate on '{self.column}' must begin below its end")
        return self


class Rectangle(_Document):
    """An interval of one column, a rectangle of two, a box of more."""

    kind: Literal["rectangle"]
    sides: Annotated[tuple[Side, ...], Field(min_length=1, max_length=MOST_DIMENSIONS)]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The columns it looks at."""
        return self.sides


class Polygon(_Document):
    """A polygon of two columns; an outline that crosses itself holds what it goes round an odd number of times.

    A cell on an edge is in exactly one of two polygons that share the edge.
    """

    kind: Literal["polygon"]
    x: Axis
    y: Axis
    vertices: Annotated[tuple[tuple[Finite, Finite], ...], Field(min_length=3, max_length=MOST_VERTICES)]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The columns it looks at."""
        return (self.x, self.y)


class Ellipse(_Document):
    """Where (v - centre)' C^-1 (v - centre) is at most `distance_squared`, for two columns or more."""

    kind: Literal["ellipse"]
    over: Annotated[tuple[Axis, ...], Field(min_length=2, max_length=MOST_DIMENSIONS)]
    centre: tuple[Finite, ...]
    covariance: tuple[tuple[Finite, ...], ...]
    """Symmetric and positive definite."""
    distance_squared: Positive = 1.0

    @model_validator(mode="after")
    def _definite(self) -> Self:
        n = len(self.over)
        if len(self.centre) != n or len(self.covariance) != n or any(len(row) != n for row in self.covariance):
            raise ValueError(f"an ellipse of {n} columns needs {n} numbers for its centre and {n} by {n} covariances")
        matrix = np.array(self.covariance)
        if not np.allclose(matrix, matrix.T, rtol=1e-6, atol=0.0) or np.linalg.eigvalsh(matrix).min() <= 0:
            raise ValueError("the covariance of an ellipse must be symmetric and positive definite")
        return self

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The columns it looks at."""
        return self.over


class Filter(_Document):
    """What a filter lets through: classes, clusters, quality, novelty, other gates."""

    kind: Literal["filter"]
    where: Annotated[str, Field(min_length=1, max_length=2000)]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Its columns stand in the filter."""
        return ()


class Operand(_Document):
    """A gate that another is made of."""

    gate: GateName
    complement: bool = False
    """Take what is not in it."""


class Combination(_Document):
    """Other gates combined: in all of them, in any of them, or (of one) not in it."""

    kind: Literal["and", "or", "not"]
    of: Annotated[tuple[Operand, ...], Field(min_length=1, max_length=32)]

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if (self.kind == "not") != (len(self.of) == 1):
            raise ValueError("'not' is of one gate, 'and' and 'or' of two or more")
        return self

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Its columns are those of its gates."""
        return ()


Region = Annotated[Rectangle | Polygon | Ellipse | Filter | Combination, Field(discriminator="kind")]


class Gate(_Document):
    """A named region of a run's cells."""

    name: GateName
    parent: GateName | None = None
    """The gate holds only cells that are in this one too."""
    region: Region
    note: Annotated[str, Field(max_length=500)] = ""
    """What people want to remember of it."""

    def mentioned(self) -> tuple[str, ...]:
        """Return the gates that this one names beside those in a filter."""
        parents = () if self.parent is None else (self.parent,)
        of = self.region.of if isinstance(self.region, Combination) else ()
        return (*parents, *(operand.gate for operand in of))
