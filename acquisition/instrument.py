"""The frozen description of an instrument: optics, electronics and geometry, as it travels in every file."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from acquisition.errors import ConfigError


class _Description(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Role(StrEnum):
    """What a channel measures."""

    TRANSMISSION = "transmission"
    SIDE_SCATTER = "side_scatter"
    FLUORESCENCE = "fluorescence"
    LINE = "line"
    """Time-stretched line scans."""
    SCAN_MARKER = "scan_marker"
    """A pulse at the start of every scan."""


class Channel(_Description):
    """One digitized signal."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    """Name of the channel and of its images; lower case, digits and underscores."""
    role: Role
    delay_s: float = 0.0
    """Electronic delay of this channel against the scan or line clock; 0 means none."""
    volts_per_count: float = Field(default=1.0, gt=0)
    """Volts = volts_per_count * count + volts_offset."""
    volts_offset: float = 0.0
    wavelength_nm: float | None = Field(default=None, gt=0)
    """Centre of the detected band; None means unknown."""


class Digitizer(_Description):
    """The analogue-to-digital converter, common to all channels."""

    sample_rate_hz: float = Field(gt=0)
    bits: int = Field(ge=2, le=16)
    """Resolution; counts run from -2**(bits-1) to 2**(bits-1)-1."""
    interleave_cores: int = Field(default=1, ge=1, le=64)
    """Converter cores taking samples in turn, each with its own offset; 1 means no interleaving."""

    @property
    def dtype(self) -> np.dtype[np.int8] | np.dtype[np.int16]:
        """Smallest signed type that holds a sample."""
        return np.dtype(np.int8) if self.bits <= 8 else np.dtype(np.int16)

    @property
    def lowest(self) -> int:
        """Smallest count."""
        return -(1 << (self.bits - 1))

    @property
    def highest(self) -> int:
        """Largest count."""
        return (1 << (self.bits - 1)) - 1


class Scan(_Description):
    """How the light sheet moves along z: z(u) = height * (w + a2 w^2 + a3 w^3), w = u - 1/2, u in [0, 1)."""

    rate_hz: float = Field(gt=0)
    shape: Literal["sawtooth", "triangle"] = "sawtooth"
    """A triangle runs backwards on every other scan."""
    height_um: float = Field(gt=0)
    active_duty: float = Field(gt=0, le=1)
    """Share of the period in which z is valid; the rest is fly-back and acoustic fill."""
    a2: float = 0.0
    a3: float = 0.0
    efficiency_roll_off: float = Field(default=0.0, ge=0, lt=1)
    """b in the diffraction efficiency 1 - b (2u - 1)^2 (source: specification A.5)."""


class Mask(_Description):
    """Pinholes of the side path, in object space: pinhole i sees the column at x_um[i] when the cell is at y_um[i]."""

    x_um: tuple[float, ...] = Field(min_length=2)
    y_um: tuple[float, ...] = Field(min_length=2)
    size_um: float = Field(gt=0)
    """Edge of a square pinhole."""

    @model_validator(mode="after")
    def _paired(self) -> Mask:
        if len(self.x_um) != len(self.y_um):
            raise ValueError("mask x_um and y_um must have one entry per pinhole each")
        if any(b <= a for a, b in zip(self.y_um, self.y_um[1:], strict=False)):
            raise ValueError("mask y_um must increase: a cell meets the pinholes one after the other")
        return self

    @classmethod
    def staggered(cls, count: int, x_pitch_um: float, y_pitch_um: float, size_um: float) -> Mask:
        """Pinholes one x pitch aside and one y pitch downstream of each other, centred on x = 0."""
        return cls(
            x_um=tuple(x_pitch_um * (i - (count - 1) / 2) for i in range(count)),
            y_um=tuple(y_pitch_um * i for i in range(count)),
            size_um=size_um,
        )


class Slit(_Description):
    """A slit of the forward path: long in z, narrow in y."""

    y_um: float = 0.0
    """Place along the flow, on the axis of the mask's y_um."""
    width_um: float = Field(gt=0)


class LightSheet(_Description):
    """Scanning light sheet: z by scan phase, y by time and speed, x by pinhole (specification A)."""

    kind: Literal["light_sheet"] = "light_sheet"
    scan: Scan
    mask: Mask
    slits: tuple[Slit, ...] = Field(min_length=1)
    wavelength_nm: float = Field(gt=0)
    medium_index: float = Field(default=1.335, gt=1)
    sheet_waist_um: float = Field(gt=0)
    """1/e^2 radius of the sheet at its focus."""
    side_aperture: float = Field(gt=0, lt=1.5)
    """Numerical aperture of the side objective."""
    forward_aperture: float = Field(gt=0, lt=1.5)
    """Numerical aperture of the forward objective."""


class LineView(_Description):
    """One image multiplexed into a line, for example a knife-edge view of ATOM."""

    name: str = "brightfield"
    delay_samples: float = 0.0
    """Place of the view's centre within the line, after the first view's centre."""
    width_samples: float = Field(gt=0)
    """Samples that carry light."""
    edge: Literal["none", "+x", "-x", "+y", "-y"] = "none"
    """Knife edge that blocks half of the aperture: `+x` brightens where the phase of the cell rises with x, `-x` where
    it falls, and so on; `none` is brightfield. A pair gives the slope of the phase along its axis, NA (I+ - I-) /
    (I+ + I-) times 2 pi / wavelength (source: specification B.5)."""


class TimeStretch(_Description):
    """Time-stretched line scans: x by phase within the line, y by line number and speed (specification B)."""

    kind: Literal["time_stretch"] = "time_stretch"
    line_rate_hz: float = Field(gt=0)
    """Nominal; the true rate drifts and is measured from the stream."""
    um_per_sample: float = Field(gt=0)
    """Length across the flow that one sample covers."""
    views: tuple[LineView, ...] = Field(min_length=1)
    wavelength_nm: float = Field(gt=0)
    medium_index: float = Field(default=1.335, gt=1)
    aperture: float = Field(gt=0, lt=1.5)
    """Numerical aperture of the objective."""


Optics = Annotated[LightSheet | TimeStretch, Field(discriminator="kind")]


class ImageGrid(_Description):
    """The grid that cell images are resampled to: square pixels, cubic voxels."""

    size_px: int = Field(default=80, ge=8, le=1024)
    pixel_um: float = Field(default=0.25, gt=0)

    @property
    def field_um(self) -> float:
        """Edge of the field."""
        return self.size_px * self.pixel_um


class Instrument(_Description):
    """Everything about an instrument that turns samples into micrometres."""

    name: str
    digitizer: Digitizer
    channels: tuple[Channel, ...] = Field(min_length=1, max_length=64)
    """In the order of the columns of every block."""
    flow_speed_m_s: float = Field(gt=0)
    """Nominal; each cell's own speed is measured where the optics allow it."""
    optics: Optics
    grid: ImageGrid = ImageGrid()

    @model_validator(mode="after")
    def _consistent(self) -> Instrument:
        names = [channel.name for channel in self.channels]
        if len(set(names)) != len(names):
            raise ValueError(f"channel names must differ, got {', '.join(names)}")
        needed = Role.TRANSMISSION if self.optics.kind == "light_sheet" else Role.LINE
        if not any(channel.role is needed for channel in self.channels):
            raise ValueError(f"a {self.optics.kind} instrument needs a channel with the role {needed.value}")
        return self

    @property
    def kind(self) -> str:
        """Which of the two instruments this is; rooms look up their part by it."""
        return self.optics.kind

    @property
    def light_sheet(self) -> LightSheet:
        """The optics of a light-sheet instrument; `ConfigError` for any other."""
        if not isinstance(self.optics, LightSheet):
            raise ConfigError(f"The instrument '{self.name}' is no light sheet but a {self.kind} one.")
        return self.optics

    @property
    def time_stretch(self) -> TimeStretch:
        """The optics of a time-stretch instrument; `ConfigError` for any other."""
        if not isinstance(self.optics, TimeStretch):
            raise ConfigError(f"The instrument '{self.name}' is no time stretch but a {self.kind} one.")
        return self.optics

    @property
    def sample_rate_hz(self) -> float:
        """Ticks per second of the sample clock."""
        return self.digitizer.sample_rate_hz

    def columns(self, role: Role) -> list[int]:
        """Columns of the block that carry `role`, in order."""
        return [i for i, channel in enumerate(self.channels) if channel.role is role]

    def to_json(self) -> str:
        """JSON text that `from_json` reads back."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Instrument:
        """Read a description.

        Raises
        ------
        ConfigError
            If the text is not a valid description; the sentence names the first field at fault.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the description"
            raise ConfigError(f"The instrument description is not valid: {place}: {first['msg']}.") from None
