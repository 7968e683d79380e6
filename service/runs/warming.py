"""Compiling the kernels before a run takes its first sample; the first time on a computer, in two processes at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from acquisition.block import Block
from acquisition.clipping import count_clipped
from acquisition.detection import Detector, detector_for
from acquisition.instrument import Instrument
from acquisition.walk import walk
from reconstruction.transform import Transform
from service.store.questions import binning

PERIODS = 2200
CELL_UM = 8.0
LONGEST_S = 300.0
"""What the process beside is not done with by then is compiled here."""
_TURN_S = 0.1


def warm(transform: Transform, detector: Detector, instrument: Instrument, closing: threading.Event) -> None:
    """Compile all kernels of a run; `detector` is used up. Where `closing` is set meanwhile, it does less.

    Compiling holds Python's lock, and takes minutes the first time: kernels of detection are then compiled in a process
    beside, and found in the cache afterwards.
    """
    if _compiled_before():
        transform.warm()
    else:
        with _compiling_detection(instrument, closing):
            transform.warm()
    if not closing.is_set():
        warm_detection(detector, instrument)
        binning.warm()


def _compiled_before() -> bool:
    """Tell whether detection's largest kernel lies in the cache."""
    cache = Path(getattr(getattr(walk, "_cache", None), "cache_path", ""))
    return any(cache.glob("walk.*.nbi"))


@contextmanager
def _compiling_detection(instrument: Instrument, closing: threading.Event) -> Iterator[None]:
    """Compile the kernels of detection in a process of its own until the end of the block, or until `closing`."""
    words = [sys.executable, "-m", "service.runs.warming"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            if process.stdin is not None:
                # A process that ended at once compiles nothing; then it is done here.
                with suppress(BrokenPipeError):
                    process.stdin.write(instrument.to_json().encode())
                    process.stdin.close()
            # What compiles here cannot be stopped, and the service ends without it; nothing of it is to live on.
            threading.Thread(target=_kill_when, args=(process, closing), name="warming-end", daemon=True).start()
            yield
            with suppress(subprocess.TimeoutExpired):
                process.wait(LONGEST_S)
        finally:
            process.kill()


def _kill_when(process: subprocess.Popen[bytes], closing: threading.Event) -> None:
    while process.poll() is None:
        if closing.wait(_TURN_S):
            process.kill()


def period_ticks(instrument: Instrument) -> float:
    """Return the samples of a line or a scan."""
    return instrument.sample_rate_hz / _rate_hz(instrument)


def _rate_hz(instrument: Instrument) -> float:
    optics = instrument.optics
    return optics.line_rate_hz if optics.kind == "time_stretch" else optics.scan.rate_hz


def warm_detection(detector: Detector, instrument: Instrument) -> None:
    """Compile the detector's kernels on a made-up stream with one cell, with a detector that is thrown away."""
    rate_hz = _rate_hz(instrument)
    step_um = instrument.flow_speed_m_s * 1e6 / rate_hz
    n_periods = PERIODS + round(3 * CELL_UM / step_um)
    ticks = np.arange(round(n_periods * instrument.sample_rate_hz / rate_hz))
    turns = ticks * rate_hz / instrument.sample_rate_hz
    light = np.where(turns % 1.0 < 0.5, 0.5 * instrument.digitizer.highest, 0.0)
    inside = np.abs(turns - PERIODS - CELL_UM / step_um) < 0.5 * CELL_UM / step_um
    light[inside & (turns % 0.25 < 0.15)] *= 0.5
    light += np.random.default_rng(0).integers(-2, 3, ticks.size)
    columns = np.repeat(light[:, None], len(instrument.channels), axis=1)
    samples = columns.astype(np.int8) if instrument.digitizer.dtype == np.int8 else columns.astype(np.int16)
    # Sources count with this one.
    count_clipped(samples, instrument.digitizer)
    detector.push(Block(samples, first_sample=0))
    detector.flush()


if __name__ == "__main__":
    described = Instrument.from_json(sys.stdin.read())
    warm_detection(detector_for(described), described)
