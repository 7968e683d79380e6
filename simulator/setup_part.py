"""What every part of a setup has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class SetupPart(BaseModel):
    """Frozen settings of one part of the simulated instrument; what is not named is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
