"""Axes that gates are drawn on: linear, logarithmic, or linear about zero and logarithmic beyond it."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def number(value: float) -> str:
    """Return a number as SQL's double precision; without the exponent it would be a decimal."""
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


class _Scale(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Linear(_Scale):
    """The column's own unit."""

    kind: Literal["linear"] = "linear"

    @property
    def numbers(self) -> tuple[int, float, float, float]:
        """The scale as compiled code takes it: 0, and nothing more."""
        return 0, 0.0, 0.0, 0.0

    def of(self, value: float) -> float:
        """Return where a value lies on the axis."""
        return value

    def sql(self, column: str) -> str:
        """Return the same in SQL."""
        return column


class Log(_Scale):
    """`flog` of Gating-ML 2.0: log10(x / top) / decades + 1; values of 0 and less are in no gate.

    The defaults make it the common logarithm.
    """

    kind: Literal["log"]
    top: Positive = 10.0
    """Value at 1 on the axis (T)."""
    decades: Positive = 1.0
    """Decades between 0 and 1 on the axis (M)."""

    @property
    def numbers(self) -> tuple[int, float, float, float]:
        """The scale as compiled code takes it: 1, T, M."""
        return 1, self.top, self.decades, 0.0

    def of(self, value: float) -> float:
        """Return where a value lies on the axis; NaN for 0 and less."""
        ratio = value / self.top
        return math.log10(ratio) / self.decades + 1.0 if ratio > 0 else math.nan

    def sql(self, column: str) -> str:
        """Return the same in SQL; NULL for 0 and less."""
        place = f"log10({column}::DOUBLE / {number(self.top)}) / {number(self.decades)} + 1e0"
        return f"CASE WHEN {column} > 0 THEN {place} END"


class Asinh(_Scale):
    """`fasinh` of Gating-ML 2.0: (asinh(x sinh(M ln 10) / T) + A ln 10) / ((M + A) ln 10)."""

    kind: Literal["asinh"]
    top: Positive = 262144.0
    """Value at 1 on the axis (T)."""
    decades: Annotated[float, Field(gt=0, le=50, allow_inf_nan=False)] = 4.5
    """Decades above the linear part (M)."""
    negative_decades: Annotated[float, Field(ge=0, le=50, allow_inf_nan=False)] = 0.0
    """Decades below 0 that are shown (A)."""

    @property
    def numbers(self) -> tuple[int, float, float, float]:
        """The scale as compiled code takes it: 2, and the three numbers of its formula."""
        return 2, *self._numbers()

    def of(self, value: float) -> float:
        """Return where a value lies on the axis."""
        steepness, offset, width = self._numbers()
        return (math.asinh(value * steepness) + offset) / width

    def sql(self, column: str) -> str:
        """Return the same in SQL."""
        steepness, offset, width = self._numbers()
        return f"(asinh({column}::DOUBLE * {number(steepness)}) + {number(offset)}) / {number(width)}"

    def _numbers(self) -> tuple[float, float, float]:
        ln10 = math.log(10.0)
        steepness = math.sinh(self.decades * ln10) / self.top
        return steepness, self.negative_decades * ln10, (self.decades + self.negative_decades) * ln10


Scale = Annotated[Linear | Log | Asinh, Field(discriminator="kind")]
