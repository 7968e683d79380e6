"""What the driver's error numbers mean for a stream."""

from __future__ import annotations

from typing import Any

from acquisition.errors import DeviceLost, Overrun


def fault_of(package: Any, code: int, device: str, said: str) -> Overrun | DeviceLost | None:
    """Return what an error number of the driver ends a stream with; None if the stream goes on.

    Parameters
    ----------
    package
        The `spcm` module.
    code
        The driver's error number.
    device
        The card's name, for people.
    said
        What the driver said about it.
    """
    if code in (package.ERR_OK, package.ERR_TIMEOUT, package.ERR_ABORT):
        return None
    if code in (package.ERR_FIFOBUFOVERRUN, package.ERR_FIFOHWOVERRUN):
        return Overrun(f"The card at {device} was not read fast enough and stopped; start it again, and read faster.")
    if code == package.ERR_FIFOFINISHED:
        return Overrun(f"The card at {device} ended its transfer by itself; start it again.")
    return DeviceLost(f"The card at {device} does not answer any more ({said}); open it again.")


def code_of(package: Any, status: int) -> int:
    """Return the error number that stands for the end of a stream in a card's status; 0 while it goes on."""
    if status & package.M2STAT_DATA_OVERRUN:
        return int(package.ERR_FIFOHWOVERRUN)
    if status & (package.M2STAT_DATA_END | package.M2STAT_DATA_ERROR):
        return int(package.ERR_FIFOFINISHED)
    return 0
