"""Compile the kernels of the whole line before any test begins: `python tests/compile_kernels.py`.

Processes that test at the same time would each compile what they need for themselves. Here two processes compile one
half each, and all that follow find the kernels in the cache.
"""

from __future__ import annotations

import subprocess
import sys

from acquisition.detection import detector_for
from acquisition.source import blocks, open_source
from reconstruction.transform import transform_for
from service.runs.warming import warm_detection
from service.store.questions import binning

SIMULATIONS = ("sim:sheet-ci?cells=2&seed=5&rate=30", "sim:stretch-ci?cells=2&seed=5&rate=200")
"""Between them they have both kinds of instrument, and both widths of samples."""


def before_detection_and_behind() -> None:
    """Compile what simulates a stream, and what makes images of events and measures them."""
    for url in SIMULATIONS:
        with open_source(url) as source:
            for _ in blocks(source):
                pass
            transform_for(source.instrument).warm()


def detection() -> None:
    """Compile what finds events in a stream, and what counts cells."""
    for url in SIMULATIONS:
        with open_source(url) as source:
            warm_detection(detector_for(source.instrument), source.instrument)
    binning.warm()


def main() -> int:
    """Compile both halves, the second one in a process beside, which is given its name."""
    if sys.argv[1:] == [detection.__name__]:
        detection()
        return 0
    beside = subprocess.Popen([sys.executable, __file__, detection.__name__])
    before_detection_and_behind()
    return beside.wait()


if __name__ == "__main__":
    sys.exit(main())
