"""How late a cell is stored in a run in real time, by stage, beside what ONNX Runtime alone takes for its image.

`python -m benchmarks.latency` plays a simulated time stretch from memory, at the pace of its own clock, to a line that
may not hold it up, and times every event from its last sample in memory to its row in the run folder. How late the
reader itself got each block stands beside it, so that nothing is hidden by reading late. Every other run takes turns
with other programs on the processors, as where the system lets no live run come before them.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from acquisition.block import Block
from acquisition.instrument import Instrument
from acquisition.source import Source, Truth, open_source
from benchmarks.page import table
from inference.finished import Finished
from inference.shipped import resolve_bundle
from service.run import Ledger, RunRequest
from service.runs.arming import Makers
from service.runs.control import RunControl
from service.runs.meters import StageMeters

SOURCE = "sim:stretch-ci?rate={rate:g}&loop=2&seed=21&instrument.flow_speed_m_s=0.1"
EVENTS_PER_S, SECONDS, BLOCK_MS, RUNS = 1000.0, 30.0, 5.0, 5
STAGES = ("detect", "transform", "infer", "store", "total")
_SHARES = (0.5, 0.99, 0.999, 1.0)
_SETTLED_S = 1.0
HEAD = ("ms", "n", "p50", "p99", "p99.9", "max")

Floats = npt.NDArray[np.float64]


class LiveSource:
    """A source that does not wait for its reader, whatever it does itself; notes when each block was read."""

    waits = False

    def __init__(self, source: Source) -> None:
        self._source = source
        self.read_s: list[tuple[int, float]] = []
        """Tick after the last sample of each block, and when it was in memory."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    @property
    def instrument(self) -> Instrument:
        """See `Source`."""
        return self._source.instrument

    def read(self, timeout_s: float = 1.0) -> Block:
        """See `Source`."""
        block = self._source.read(timeout_s)
        self.read_s.append((block.end_sample, time.monotonic()))
        return block

    def truth(self) -> Truth | None:
        """None: nobody compares."""
        return None

    def lateness_s(self) -> Floats:
        """How much later than the earliest each block came, against the clock of its samples, `(n,)`."""
        ends, came_s = np.array(self.read_s).T
        late = came_s - ends / self.instrument.sample_rate_hz
        return np.asarray(late - late.min())


@dataclass
class Noted(StageMeters):
    """Keeps what every event took, beside what the meters count."""

    events: list[npt.NDArray[np.float64]] = field(default_factory=list)
    """`(n, 7)`: event, in memory, found, submitted, answered, stored (seconds), and whether it is a cell."""

    def __post_init__(self) -> None:
        super().__init__()

    def add(self, finished: Finished, stored: npt.NDArray[np.bool_]) -> None:
        """See `StageMeters`."""
        now, images = time.monotonic(), finished.images
        times = np.empty((len(images), 7))
        times[:, 0], times[:, 1:3] = images.event_id, finished.stamps_s
        times[:, 3:6] = finished.submitted_s, finished.answered_s, now
        times[:, 6] = images.is_cell
        self.events.append(times[stored])
        super().add(finished, stored)

    def table(self) -> Floats:
        """Return the events in their order."""
        times = np.concatenate(self.events)
        return np.asarray(times[np.argsort(times[:, 0])])


@dataclass(frozen=True)
class LiveRun:
    """What came of a run.

    Attributes
    ----------
    events
        See `Noted.events`.
    late_s
        How late every block was read.
    came_first
        Whether it came before other programs.
    """

    events: Floats
    late_s: Floats
    ledger: Ledger
    came_first: bool

    @property
    def settled(self) -> Floats:
        """Leave out the events of the first second."""
        return np.asarray(self.events[self.events[:, 1] > self.events[:, 1].min() + _SETTLED_S])

    @property
    def p99_ms(self) -> float:
        """Of the total."""
        return 1e3 * float(np.quantile(stages_of(self.settled)["total"], 0.99))


def live_run(rate: float, seconds: float, block_ms: float, *, first: bool = True) -> LiveRun:
    """Play a run; `first` lets it come before other programs, where the system does."""
    noted, sources, declined = Noted(), list[LiveSource](), threading.Event()
    if not first:
        declined.set()

    def live(url: str, **options: Any) -> Source:
        with open_source(url) as described:
            samples = round(described.instrument.sample_rate_hz * block_ms / 1e3)
        source = LiveSource(open_source(url, **options, block_samples=samples))
        sources.append(source)
        # What it does not have itself, it has of the source that it stands before.
        return cast("Source", source)

    request = RunRequest(source=SOURCE.format(rate=rate), speed=1.0, seconds=seconds, hold=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        patch("service.runs.pipeline.StageMeters", lambda: noted),
        patch("acquisition.precedence._declined", declined),
        RunControl(Path(folder), makers=Makers(source=live)) as control,
    ):
        run = control.start(request)
        control.begin(run.id)
        run = control.wait(run.id)
        came_first = bool(control.status().came_first)
    return LiveRun(noted.table(), sources[-1].lateness_s(), run.ledger, came_first)


def bare_image_s(seconds: float = 3.0) -> Floats:
    """What ONNX Runtime takes for one image and nothing else, on one thread, `(n,)` seconds."""
    with open_source(SOURCE.format(rate=1)) as source:
        bundle = resolve_bundle(None, source.instrument)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(bundle.live, options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    image = {
        node.name: rng.normal(1.0, 0.1, (1, *spec.shape)).astype(np.float32)
        for node, spec in zip(session.get_inputs(), bundle.contract.inputs, strict=True)
    }
    took: list[float] = []
    ends = time.perf_counter() + seconds
    while (began := time.perf_counter()) < ends:
        session.run(None, image)
        took.append(time.perf_counter() - began)
    return np.array(took[10:])


def stages_of(events: Floats) -> dict[str, Floats]:
    """Seconds of each stage, for the events that went through it."""
    _, arrived, found, submitted, answered, stored, is_cell = events.T
    cells = is_cell > 0
    spans = (found - arrived, submitted - found, (answered - submitted)[cells], stored - answered, stored - arrived)
    return dict(zip(STAGES, spans, strict=True))


def _row(name: str, seconds: Floats) -> tuple[object, ...]:
    return (name, len(seconds), *(f"{1e3 * value:.2f}" for value in np.quantile(seconds, _SHARES)))


def figures(rate: float = EVENTS_PER_S, seconds: float = SECONDS, block_ms: float = BLOCK_MS, runs: int = RUNS) -> str:
    """Return the tables of the run that is the middle one by its 99 %, and the 99 % of all, in their order.

    A computer that is held up by something else for a tenth of a second shows it in the 99 % of half a minute.
    """
    pairs = [[live_run(rate, seconds, block_ms, first=first) for first in (True, False)] for _ in range(runs)]
    made, in_turns = zip(*pairs, strict=True)
    middle = sorted(made, key=lambda run: run.p99_ms)[runs // 2]
    how = "before other programs" if middle.came_first else "in turns with other programs, as the system allows no more"
    each = f"the middle one of {runs} runs {how}; p99 of the total in each: {_each(made)} ms"
    others = f"runs between them, in turns with other programs: {_each(in_turns)} ms"
    return "\n".join([_tables(middle, block_ms), each, others])


def _each(runs: Sequence[LiveRun]) -> str:
    return ", ".join(f"{run.p99_ms:.1f}" for run in runs)


def _tables(run: LiveRun, block_ms: float) -> str:
    events, later, ledger = run.events, run.settled, run.ledger
    rows = [_row(name, found) for name, found in stages_of(later).items()]
    rows += [_row("(block read after it was due)", run.late_s), _row("(bare ONNX Runtime, one image)", bare_image_s())]
    cells, total = later[later[:, 6] > 0], later[:, 5] - later[:, 1]
    span = later[:, 1].max() - later[:, 1].min()
    # What lies in the samples that the empty stream is measured on is found all at once.
    first = events[events[:, 2] > events[0, 2]]
    said = [
        f"{len(later) / span:.0f} events/s, {len(cells) / span:.0f} cells/s stored, blocks of {block_ms:g} ms; "
        f"dropped {sum(ledger.dropped.values())}, lost samples {ledger.samples_lost}",
        f"total of the first event {1e3 * (first[0, 5] - first[0, 1]):.2f}, most of the first ten "
        f"{1e3 * (first[:10, 5] - first[:10, 1]).max():.2f}, median later {1e3 * np.median(total):.2f} ms; "
        f"{len(events) - len(first)} events before, found when the empty stream was known, "
        f"most {1e3 * (events[:, 5] - events[:, 1])[: len(events) - len(first)].max():.2f} ms",
    ]
    return "\n".join([table(HEAD, rows), *said])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=EVENTS_PER_S, help="cells per second that flow")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--block-ms", type=float, default=BLOCK_MS, help="samples that come at a time")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each kind; the middle one is shown")
    options = parser.parse_args()
    print(figures(options.rate, options.seconds, options.block_ms, options.runs))
