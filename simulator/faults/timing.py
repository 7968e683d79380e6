"""Blocks that let the reader wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from acquisition.block import Block
from acquisition.instrument import Instrument
from simulator.faults.fault import Fault, Injector, Pause, Reader, Step
from simulator.faults.values import duration


@dataclass(frozen=True, slots=True)
class Late(Fault):
    """The block comes late; a read that is patient enough gets it, and the stream then catches up.

    Attributes
    ----------
    by_s
        By how much, on the host's clock.
    """

    by_s: float = 0.3

    OPTIONS: ClassVar[Mapping[str, tuple[str, Reader]]] = {"by": ("by_s", duration)}

    def injector(self, instrument: Instrument) -> Injector:  # noqa: ARG002 - the signature of every fault
        """Return a new injector for one stream."""
        return _Holding(Pause(self.by_s))


@dataclass(frozen=True, slots=True)
class Idle(Fault):
    """Nothing comes for a while: every read times out, and then the stream goes on where it was.

    Attributes
    ----------
    for_s
        For how long, on the host's clock.
    """

    for_s: float = 2.0

    OPTIONS: ClassVar[Mapping[str, tuple[str, Reader]]] = {"for": ("for_s", duration)}

    def injector(self, instrument: Instrument) -> Injector:  # noqa: ARG002 - the signature of every fault
        """Return a new injector for one stream."""
        return _Holding(Pause(self.for_s, idle=True))


class _Holding(Injector):
    def __init__(self, pause: Pause) -> None:
        super().__init__()
        self._pause = pause

    def steps(self, block: Block, fires: bool) -> list[Step]:
        self.count += fires
        return [self._pause, block] if fires else [block]
