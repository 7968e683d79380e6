"""Options of a Spectrum card as they come from a URL or from code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from acquisition.errors import ConfigError

PAGE_BYTES = 4096
"""The card notifies in whole pages."""

MOST_BUFFER_BYTES = 1 << 34

_Choice = TypeVar("_Choice", bound=StrEnum)


class Clock(StrEnum):
    """Where the sample clock comes from."""

    INTERNAL = "internal"
    REFERENCE = "reference"
    """Made by the card, locked to a reference of `reference_hz` at its clock input."""
    EXTERNAL = "external"
    """Given sample by sample at the clock input."""


class Trigger(StrEnum):
    """What begins a stream."""

    SOFTWARE = "software"
    """The start itself."""
    EXTERNAL = "external"
    """The first rising edge at the trigger input above `trigger_mv`."""


class Coupling(StrEnum):
    """How an input is coupled."""

    DC = "dc"
    AC = "ac"


class Termination(StrEnum):
    """What an input is terminated with."""

    LOW = "50"
    """50 ohm."""
    HIGH = "high"
    """The card's high impedance, mostly 1 Mohm."""


class ConvertedCode(StrEnum):
    """How samples are coded that the card has shortened to 8 bits."""

    OFFSET = "offset"
    """Unsigned, 128 is zero, as the `spcm` package calls them."""
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class SpectrumOptions:
    """How a card is to be used, beyond what its `Instrument` says.

    Attributes
    ----------
    inputs
        The card's input for each channel of the instrument, ascending; empty for the first ones.
    notify_bytes
        Bytes in a block, a power of two and whole pages; None for about 5 ms of samples.
    buffer_bytes
        Bytes of the ring that the card writes to, a multiple of `notify_bytes`; None for 32 of them.
    range_mv
        Input range of each channel, or one for all, +- millivolts; empty for the card's own default.
    coupling, termination
        Of every input; None for the card's own default.
    clock, reference_hz
        Where the clock comes from, and the frequency of an external reference.
    trigger, trigger_mv
        What begins a stream, and the level of an external trigger.
    converted
        How samples are coded that the card has shortened to 8 bits.
    """

    inputs: tuple[int, ...] = ()
    notify_bytes: int | None = None
    buffer_bytes: int | None = None
    range_mv: tuple[int, ...] = ()
    coupling: Coupling | None = None
    termination: Termination | None = None
    clock: Clock = Clock.INTERNAL
    reference_hz: int = 10_000_000
    trigger: Trigger = Trigger.SOFTWARE
    trigger_mv: int = 500
    converted: ConvertedCode = ConvertedCode.OFFSET

    def __post_init__(self) -> None:
        if list(self.inputs) != sorted(set(self.inputs)):
            raise ConfigError("The inputs of a Spectrum card must ascend, as the card orders its samples: 0,1,2,3.")
        notify = self.notify_bytes
        if notify is not None and (notify < PAGE_BYTES or notify & (notify - 1)):
            raise ConfigError(f"notify={notify} must be a power of two of at least {PAGE_BYTES} bytes.")
        if self.buffer_bytes is not None and not 0 < self.buffer_bytes <= MOST_BUFFER_BYTES:
            raise ConfigError(f"buffer={self.buffer_bytes} must be from 1 to {MOST_BUFFER_BYTES} bytes.")


def parse_whole(name: str, value: str | int | None, least: int = 0) -> int | None:
    """Return a whole number, also with a binary K, M or G behind it; None stays None.

    Raises
    ------
    ConfigError
        If it is none, or below `least`.
    """
    if value is None:
        return None
    text = str(value).strip().upper()
    factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:], 1)
    try:
        whole = int(text if factor == 1 else text[:-1]) * factor
    except ValueError:
        whole = least - 1
    if whole < least:
        raise ConfigError(f"{name}={value} must be a whole number of at least {least}.")
    return whole


def parse_list(name: str, value: str | None, least: int = 0) -> tuple[int, ...]:
    """Return whole numbers that commas separate; nothing for None.

    Raises
    ------
    ConfigError
        If one of them is none, or below `least`.
    """
    parts = [] if value is None else [parse_whole(name, part, least) for part in str(value).split(",")]
    return tuple(part for part in parts if part is not None)


def parse_choice(name: str, value: str, choices: type[_Choice]) -> _Choice:
    """Return the member of an enum that a word names.

    Raises
    ------
    ConfigError
        If there is none.
    """
    try:
        return choices(value)
    except ValueError:
        raise ConfigError(f"{name}={value} must be one of {', '.join(choices)}.") from None
