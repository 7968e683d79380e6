"""Which events are cells that can be judged: thresholds, and the reason that each one names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from acquisition.event import EventFlag
from reconstruction.batch import flag_rejection
from reconstruction.images import Rejection

GATED = (
    "missing_lines_share", "area_um2", "missing_share", "off_centre_um", "sharpness_per_um", "ghost_share",
)  # fmt: skip
"""Features that the gate asks for."""

Least = Annotated[float, Field(ge=0)]
Limit = Annotated[float, Field(gt=0)] | None


class GateSettings(BaseModel):
    """Thresholds of the gate before the classifier; part of the pipeline id. None: not asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    worst_speed_error: Annotated[float, Field(gt=0)] = 0.01
    """Largest relative standard error of the speed; at 0.01 a volume is smeared over 4 um (specification A.7)."""
    smallest_area_um2: Least = 3.0
    """Objects below this are no cells."""
    farthest_um: Limit = None
    """Largest distance of a cell from the axis of the flow. Paper A's instrument flags 3 um; not asked by default, as
    images are still good there and `off_centre_um` says how far it is."""
    largest_missing_share: Limit = None
    """Largest share of the image's pixels that no sample met."""
    largest_missing_lines_share: Limit = 0.2
    """Largest share of the field's lines that had no pulse, or two. Fewer are filled in by the lines beside them."""
    least_sharpness_per_um: Least = 0.0
    """Least `sharpness_per_um`; blurred images have less. Not asked by default: it depends on the kind of cell."""
    largest_ghost_share: Limit = None
    """Largest `ghost_share` of a line image, which is measured only if it is asked for."""

    @property
    def parameters(self) -> str:
        """Reversible identifier of the settings."""
        values = self.model_dump().values()
        return "gate=" + ",".join("any" if value is None else f"{value:g}" for value in values)

    def judge(
        self,
        flags: EventFlag,
        features: Mapping[str, float],
        touches_edge: bool,
        speed_error: float = 0.0,
    ) -> Rejection:
        """Return the first reason against an event, gravest first; NONE for a cell.

        Parameters
        ----------
        flags
            Of detection.
        features
            `GATED`, as docs/features.md names them; those that an instrument does not have are not asked for.
        touches_edge
            Whether the object is cut by the edge of the field.
        speed_error
            Relative standard error of the flow speed, 0 where no image depends on it.
        """
        if flags:
            return flag_rejection(flags)
        # Written so that NaN, which is not measurable, fails what is asked.
        if not speed_error < self.worst_speed_error:
            return Rejection.SPEED
        if _exceeds(features.get("missing_lines_share", 0.0), self.largest_missing_lines_share):
            return Rejection.INCOMPLETE
        if features["area_um2"] < self.smallest_area_um2:
            return Rejection.EMPTY
        if touches_edge:
            return Rejection.OFF_FIELD
        if _exceeds(features["missing_share"], self.largest_missing_share):
            return Rejection.INCOMPLETE
        if _exceeds(features.get("off_centre_um", 0.0), self.farthest_um):
            return Rejection.OFF_CENTRE
        if not features["sharpness_per_um"] >= self.least_sharpness_per_um:
            return Rejection.BLURRED
        if _exceeds(features.get("ghost_share", 0.0), self.largest_ghost_share):
            return Rejection.GHOST
        return Rejection.NONE


def _exceeds(value: float, limit: float | None) -> bool:
    """Whether a limit is asked for and passed; NaN, which is not measurable, passes every one."""
    return limit is not None and not value <= limit
