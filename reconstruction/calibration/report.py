"""What a calibration says: every value with its error, where it comes from, and what it was made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from acquisition.instrument import Instrument


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class MeasuredValue(_Part):
    """One value of the instrument file."""

    field: str
    """Its place in the instrument file, such as `channels.1.delay_s`."""
    unit: str
    """Empty for a pure number."""
    before: float
    """What the instrument file had."""
    value: float | None
    """What was measured; None where it could not be told."""
    error: float | None
    """Standard error of `value`."""
    written: bool
    """Whether the new instrument file holds `value`; if not, `before` stands."""
    note: str = ""
    """How it was measured, or why it was not."""


class BeadWidths(_Part):
    """How wide beads look: the point-spread function with the bead in it, standard deviations, medians."""

    z_um: float
    y_um: float


class EmptyScan(_Part):
    """The empty scan of one channel, counts, one entry per tick."""

    channel: str
    counts: tuple[float, ...]


class CalibrationReport(_Part):
    """Values, errors and provenance of a calibration; stands beside the instrument file."""

    format: Literal["lightline-calibration-1"] = "lightline-calibration-1"
    source: str
    """Where the beads came from."""
    origin: str
    """`measured`, `semi-real` or `simulated`."""
    made: str
    """When, UTC, ISO 8601."""
    version: str
    """Of Lightline."""
    bead_um: float
    events: int
    """Triggers, whatever they were."""
    flagged: int
    """Of them left out, since detection had something against them."""
    unfit: int
    """Of them left out, since too few pinholes saw them or the scan cut them."""
    beads: int
    """Of them measured."""
    values: tuple[MeasuredValue, ...]
    passage_residual_um: float
    """Scatter of the passages about straight lines."""
    height_error_um: float | None
    """Root mean square over the scan of the standard error of z that a2 and a3 leave, shifts aside."""
    widths: BeadWidths
    counts_per_photoelectron: dict[str, float]
    """By channel: growth of the variance with the mean, counts; gain times excess noise, less what the amplifier
    smooths. Only where it could be told."""
    empty_scans: tuple[EmptyScan, ...]


def measured_value(
    name: str, unit: str, before: float, value: float, error: float, told: bool, note: str
) -> MeasuredValue:  # fmt: skip
    """Return a value as the report has it: unknown where it or its error is not finite, and then not written."""
    known = math.isfinite(value) and math.isfinite(error)
    return MeasuredValue(
        field=name,
        unit=unit,
        before=before,
        value=value if known else None,
        error=error if known else None,
        written=known and told,
        note=note,
    )


def with_values(instrument: Instrument, values: Sequence[MeasuredValue]) -> Instrument:
    """Return the instrument with the values that are to be written."""
    held = instrument.model_dump(mode="json")
    for value in values:
        if value.written and value.value is not None:
            *path, last = value.field.split(".")
            place = held
            for part in path:
                place = place[int(part)] if isinstance(place, list) else place[part]
            if isinstance(place, list):
                place[int(last)] = value.value
            else:
                place[last] = value.value
    return Instrument.model_validate(held)
