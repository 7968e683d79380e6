"""Streams that end with an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from acquisition.block import Block
from acquisition.errors import DeviceLost, Overrun, SourceError
from acquisition.instrument import Instrument
from simulator.faults.fault import Failure, Fault, Injector, Step


@dataclass(frozen=True, slots=True)
class OverrunFault(Fault):
    """The digitizer overruns in place of giving the block, which is lost; a new start goes on in the next epoch."""

    KEEPS_COUNT: ClassVar[bool] = False
    ONCE: ClassVar[bool] = True

    def injector(self, instrument: Instrument) -> Injector:  # noqa: ARG002 - the signature of every fault
        """Return a new injector for one stream."""
        return _Ending(lambda: Overrun("The digitizer overran and stopped (an injected fault); start again."))


@dataclass(frozen=True, slots=True)
class Gone(Fault):
    """The device is gone in place of giving the block, for good: it has to be opened again."""

    KEEPS_COUNT: ClassVar[bool] = False
    ONCE: ClassVar[bool] = True

    def injector(self, instrument: Instrument) -> Injector:  # noqa: ARG002 - the signature of every fault
        """Return a new injector for one stream."""
        return _Ending(lambda: DeviceLost("The digitizer is gone (an injected fault); open it again."))


class _Ending(Injector):
    def __init__(self, error: Callable[[], SourceError]) -> None:
        super().__init__()
        self._error = error

    def steps(self, block: Block, fires: bool) -> list[Step]:
        if not fires:
            return [block]
        self.count += 1
        self.samples_lost += block.n_samples
        return [Failure(self._error())]
