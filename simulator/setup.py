"""A simulated instrument: its description, and what the simulator has to know beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from acquisition.errors import ConfigError
from acquisition.instrument import Instrument
from simulator.cells.flow import Flow
from simulator.electronics.settings import Converter, Detector, Laser
from simulator.optics.settings import Clock, SheetDefects, StretchDefects
from simulator.setup_part import SetupPart

GENERATOR_VERSION = 2
"""Counts up whenever the same setup and seed give other samples."""


class Setup(SetupPart):
    """An instrument with its light, its defects, and how cells come; travels as JSON beside what was simulated."""

    instrument: Instrument
    flow: Flow
    laser: Laser = Laser()
    clock: Clock = Clock()
    optics: Annotated[SheetDefects | StretchDefects, Field(discriminator="kind")]
    detectors: tuple[Detector, ...] = Field(min_length=1)
    """One entry per channel of the instrument."""
    converter: Converter = Converter()
    loop_s: float | None = Field(default=None, gt=0)
    """Length of the stretch that is made once and played round and round; None means that all is made as it flows."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.detectors) != len(self.instrument.channels):
            raise ValueError("a setup needs one detector per channel of its instrument")
        if self.optics.kind != self.instrument.kind:
            raise ValueError(f"the defects of a {self.optics.kind} do not fit a {self.instrument.kind} instrument")
        cores = self.instrument.digitizer.interleave_cores
        for name in ("core_offsets_counts", "core_gains", "core_skews_s"):
            if len(getattr(self.converter, name)) not in (1, cores):
                raise ValueError(f"{name} needs one entry, or one for each of the {cores} cores")
        rate_hz = self.instrument.sample_rate_hz
        if any(abs(skew_s) * rate_hz >= 1 for skew_s in self.converter.core_skews_s):
            raise ValueError("core_skews_s must be shorter than a sample")
        if any(detector.ac_coupling_hz >= 0.5 * rate_hz for detector in self.detectors):
            raise ValueError("ac_coupling_hz must be below half of the sample rate")
        return self

    @property
    def sheet(self) -> SheetDefects:
        """The defects of a light sheet; `ConfigError` for any other instrument."""
        if not isinstance(self.optics, SheetDefects):
            raise ConfigError(f"The setup '{self.instrument.name}' is no light sheet.")
        return self.optics

    @property
    def stretch(self) -> StretchDefects:
        """The defects of a time stretch; `ConfigError` for any other instrument."""
        if not isinstance(self.optics, StretchDefects):
            raise ConfigError(f"The setup '{self.instrument.name}' is no time stretch.")
        return self.optics

    def changed(self, settings: Mapping[str, Any]) -> Setup:
        """Return the setup with settings such as `{"flow.debris_per_cell": 5}`; values may be text.

        Raises
        ------
        ConfigError
            If there is no such setting, or the value does not make sense; the sentence names the setting.
        """
        held = self.model_dump(mode="json")
        for name, value in settings.items():
            _put(held, name, value)
        try:
            return Setup.model_validate(held)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the setup"
            message = str(first["msg"]).removeprefix("Value error, ")
            raise ConfigError(f"The simulator's setting {place} is not valid: {message}.") from None


def _put(held: Any, name: str, value: Any) -> None:
    """Set one dotted name; a number counts entries from 0."""
    *path, last = name.split(".")
    place = held
    try:
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last]  # a name that is not there raises here
            place[last] = value
    except (KeyError, IndexError, ValueError, TypeError):
        raise ConfigError(f"The simulator has no setting '{name}'; see the names in its setup.") from None
