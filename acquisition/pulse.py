"""What a pulse is, and how pulses are found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntFlag, StrEnum

from acquisition.errors import ConfigError


class Polarity(StrEnum):
    """Which way pulses go."""

    POSITIVE = "positive"
    NEGATIVE = "negative"


class PulseFlag(IntFlag):
    """What is not ordinary about a pulse."""

    DOUBLET = 1
    """Two maxima or more with a valley between them, in the trigger channel."""
    SATURATED = 2
    """A channel reached the end of its range."""
    TRUNCATED = 4
    """Ended because it reached the greatest length."""
    CUT = 8
    """The trace begins or ends, or has a gap, within the pulse."""


@dataclass(frozen=True, slots=True)
class PulseSettings:
    """How pulses are found.

    Attributes
    ----------
    channel
        Column of the trace that triggers.
    polarity
        Which way pulses go, in every channel.
    on_sigmas, off_sigmas
        Thresholds above the baseline in units of the noise (1.4826 MAD): a pulse begins beyond the first and ends
        below the second.
    shortest, longest
        Least and greatest length in samples. A shorter one is counted in `too_short`, a longer one is cut.
    margin
        Samples on either side of a pulse that its area takes in. Pulses closer than twice this are one.
    valley
        Share of the height by which a trace must fall between two maxima and rise again, so that they are two.
    baseline, noise
        Known values to use instead of measured ones, for triggered records that have no empty trace in them.
    warm_up
        Samples at the start of a stream that the first baseline and noise are measured on; several times the longest
        pulse, so that it is mostly empty.
    lowest, highest
        Ends of the converter's range, at which a sample is saturated.
    least_noise
        The noise is taken to be at least this, in units of the trace: a fraction of a count where the converter is
        coarser than the noise.

    Raises
    ------
    ConfigError
        If they contradict each other.
    """

    channel: int = 0
    polarity: Polarity = Polarity.POSITIVE
    on_sigmas: float = 6.0
    off_sigmas: float = 3.0
    shortest: int = 3
    longest: int = 4096
    margin: int = 8
    valley: float = 0.1
    baseline: float | None = None
    noise: float | None = None
    warm_up: int = 16384
    lowest: float = -math.inf
    highest: float = math.inf
    least_noise: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.off_sigmas <= self.on_sigmas:
            raise ConfigError("The lower threshold of pulses must be above 0 and not above the upper one; correct it.")
        if not 1 <= self.shortest <= self.longest:
            raise ConfigError("The shortest pulse must have a sample or more, and the longest no fewer; correct them.")
        if self.warm_up < 1:
            raise ConfigError("The warm-up of pulses must have a sample or more; correct it.")
        if self.margin < 0 or self.channel < 0 or not 0 < self.valley < 1:
            raise ConfigError("Margin and channel of pulses must not be negative, and the valley between 0 and 1.")
        if (self.baseline is None) != (self.noise is None) or self.least_noise <= 0 or (self.noise or 1) <= 0:
            raise ConfigError("Give baseline and noise of a trace together, or neither; noise must be above 0.")


@dataclass(frozen=True, slots=True)
class ChannelPulse:
    """A pulse in one channel: area in counts x samples, height in counts, width (FWHM) in samples, and maxima."""

    area: float
    height: float
    width: float
    maxima: int


@dataclass(frozen=True, slots=True)
class Pulse:
    """A pulse in all channels.

    Attributes
    ----------
    epoch
        Of the sample clock.
    start, stop
        Ticks at which it begins and after it ends, margins not included.
    centre
        Tick of the centre of mass in the trigger channel.
    channels
        One entry a column.
    flags
        What is not ordinary.
    """

    epoch: int
    start: int
    stop: int
    centre: float
    channels: tuple[ChannelPulse, ...]
    flags: PulseFlag
