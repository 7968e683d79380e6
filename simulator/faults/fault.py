"""What every kind of fault is made of: a description, and an injector that carries it out on one stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.clipping import count_clipped
from acquisition.errors import SourceError
from acquisition.instrument import Instrument
from simulator.faults.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Pause:
    """The reader has to wait before the next step.

    Attributes
    ----------
    seconds
        How long, on the host's clock.
    idle
        True if reads time out meanwhile, however patient they are.
    """

    seconds: float
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """The stream ends with an error."""

    error: SourceError


Step = Block | Pause | Failure
"""What a reader meets next."""


class Injector:
    """Carries out one fault on one stream: turns each block into the steps that take its place.

    This base class passes blocks on; a kind of fault overrides `steps`, and `finish` if it holds anything back.
    """

    def __init__(self) -> None:
        self.count = 0
        """How often the fault has happened."""
        self.samples_lost = 0
        """Samples per channel that it took away."""

    def steps(self, block: Block, fires: bool) -> list[Step]:  # noqa: ARG002 - what the kinds of fault override
        """Return what takes the place of a block; `fires` says whether the fault happens with it."""
        return [block]

    def finish(self) -> list[Step]:
        """Return what is left when the source has ended."""
        return []


Reader = Callable[[str], int | float]


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault with its options; the name of the kind stands in the registry.

    Attributes
    ----------
    when
        Its schedule.
    """

    when: Schedule

    OPTIONS: ClassVar[Mapping[str, tuple[str, Reader]]] = {}
    """Options beside the schedule: the word of the grammar, the field it fills, and how its text is read."""
    NEEDS_SCHEDULE: ClassVar[bool] = True
    """False if it makes sense with every block."""
    ONLY_AT: ClassVar[bool] = False
    """True if it can be scheduled with `at` alone."""
    KEEPS_COUNT: ClassVar[bool] = True
    """True if as many samples come out as go in."""
    ONCE: ClassVar[bool] = False
    """True if `at` holds for the first start only, since the fault ends what was started."""

    def check(self, instrument: Instrument) -> None:
        """Refuse an instrument that this fault cannot happen to, with a `ConfigError`."""

    def injector(self, instrument: Instrument) -> Injector:  # noqa: ARG002 - what the kinds of fault override
        """Return a new injector for one stream."""
        return Injector()


def part(block: Block, start: int, stop: int, instrument: Instrument) -> Block:
    """Return the samples `[start, stop)` of a block as a block of their own; only the first part has its loss."""
    data = block.data[start:stop]
    return replace(
        block,
        data=data,
        first_sample=block.first_sample + start,
        lost_before=block.lost_before if start == 0 else 0,
        clipped=None if block.clipped is None else count_clipped(data, instrument.digitizer),
    )


def sum_losses(*losses: int) -> int:
    """Return the sum, unknown where one of them is."""
    return UNKNOWN_LOSS if UNKNOWN_LOSS in losses else sum(losses)
