"""The faults by name, in the order in which they act on a block."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.faults.contents import Format, Reset, Reuse, Swap, Wrap
from simulator.faults.cuts import Empty, Repeat, Short
from simulator.faults.ends import Gone, OverrunFault
from simulator.faults.fault import Fault
from simulator.faults.losses import Drop, Lose
from simulator.faults.signal import Clip, Unlock
from simulator.faults.timing import Idle, Late

FAULTS: Mapping[str, type[Fault]] = {
    "drop": Drop,
    "lose": Lose,
    "clip": Clip,
    "unlock": Unlock,
    "swap": Swap,
    "format": Format,
    "reset": Reset,
    "wrap": Wrap,
    "short": Short,
    "repeat": Repeat,
    "reuse": Reuse,
    "empty": Empty,
    "late": Late,
    "idle": Idle,
    "overrun": OverrunFault,
    "gone": Gone,
}
"""What is lost comes first, so that nothing is done to samples that nobody gets; what ends the stream comes last."""

_NAMES = {kind: name for name, kind in FAULTS.items()}


def name_of(fault: Fault) -> str:
    """Return the name of a fault's kind."""
    return _NAMES[type(fault)]
