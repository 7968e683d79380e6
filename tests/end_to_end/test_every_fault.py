"""Every driver fault, on both instruments, ends in a number of the ledger or in a named reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from acquisition.detection import detector_for
from acquisition.errors import ConfigError, SourceTimeout
from acquisition.event import Event, EventFlag
from acquisition.periodic import PeriodicDetector
from acquisition.source import blocks, open_source
from acquisition.trace import TraceWriter
from service.run import FinishReason, Run, RunRequest, RunState
from service.runs import intake
from service.runs.control import RunControl
from simulator.faults.faulty_source import FaultySource
from simulator.faults.registry import FAULTS

BLOCK = 50_000
SIMULATIONS = {
    "sheet-ci": "sim:sheet-ci?seconds=0.4&seed=4&rate=60",
    "stretch-ci": "sim:stretch-ci?seconds=0.04&seed=5&rate=250",
}


@dataclass(frozen=True)
class Outcome:
    """What a run makes of a fault that happens once, with one block.

    Attributes
    ----------
    text
        The fault's options.
    ledger
        What the ledger has more than that of the sound recording; in blocks for what is counted in samples.
    reason, sentence
        Why the run ends, and a part of what it says.
    same
        True if every event is the same as without the fault.
    """

    text: str = ":at={at}"
    ledger: dict[str, int] = field(default_factory=dict)
    reason: FinishReason = FinishReason.SOURCE_ENDED
    sentence: str = ""
    same: bool = True


def lost(**more: int) -> Outcome:
    return Outcome(ledger={"samples": -BLOCK, **more}, same=False)


OUTCOMES = {
    "drop": lost(samples_lost=BLOCK),
    "lose": lost(losses_of_unknown_size=1),
    "overrun": lost(losses_of_unknown_size=1, overruns=1),
    "repeat": Outcome(ledger={"samples_repeated": BLOCK}),
    # A block does not say which channel is which, so that no number can.
    "swap": Outcome(same=False),
    # These are in the samples: no number of the ledger changes, and the events say so.
    "clip": Outcome(same=False),
    "unlock": Outcome(same=False),
    "format": Outcome(reason=FinishReason.SOURCE_LOST, sentence="does not fit its instrument", same=False),
    "gone": Outcome(reason=FinishReason.SOURCE_LOST, sentence="is gone", same=False),
    "reset": Outcome(),
    "wrap": Outcome(),
    "short": Outcome(),
    "reuse": Outcome(text=""),
    "empty": Outcome(),
    "late": Outcome(text=":at={at}:by=0.2s"),
    "idle": Outcome(text=":at={at}:for=0.3s"),
}


@dataclass(frozen=True)
class Bench:
    """A recording, the run over it without a fault, and the block that the fault happens with."""

    url: str
    sound: Run
    events: list[Event]
    place: int

    @property
    def at(self) -> str:
        """A time within that block."""
        return f"{(self.place + BLOCK / 2) / self.sound.instrument.sample_rate_hz * 1e6:.3f}us"


def run_over(control: RunControl, url: str) -> tuple[Run, list[Event]]:
    run = control.wait(control.start(RunRequest(source=url)).id, 60)
    assert run.state is RunState.DONE, "the run hangs"
    ledger, folder = run.ledger, control.folder(run.id)
    assert ledger.in_flight == 0 and not ledger.dropped and "\n" not in str(run.error)
    rows = [*folder.results().cells.page(limit=10_000).rows, *folder.results().rejected.page(limit=10_000).rows]
    assert len(rows) == ledger.detected
    return run, [folder.event(event_id) for event_id in sorted(row["event_id"] for row in rows)]


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunControl]:
    with RunControl(tmp_path_factory.mktemp("runs")) as control:
        yield control


@pytest.fixture(scope="module", params=list(SIMULATIONS))
def bench(request: pytest.FixtureRequest, control: RunControl, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    path = tmp_path_factory.mktemp("recording") / "cells.h5"
    with (
        open_source(SIMULATIONS[request.param]) as source,
        TraceWriter(path, source.instrument, origin=source.origin) as writer,
    ):
        for block in blocks(source):
            writer.append(block)
    url = f"replay:{path}?block_samples={BLOCK}"
    run, events = run_over(control, url)
    sound = [event for event in events if not event.flags]
    # The block behind the middle of a cell: its light, or that of the pinholes behind it, runs into the gap.
    middle = sound[len(sound) // 2]
    return Bench(url, run, events, (int(middle.trigger_tick) // BLOCK + 1) * BLOCK)


def test_every_fault_has_an_outcome() -> None:
    assert OUTCOMES.keys() == FAULTS.keys()


@pytest.mark.parametrize("kind", OUTCOMES)
def test_a_fault_ends_in_its_number_or_its_reason(kind: str, bench: Bench, control: RunControl) -> None:
    outcome = OUTCOMES[kind]
    fault = kind + outcome.text.format(at=bench.at)
    if kind == "swap" and len(bench.sound.instrument.channels) == 1:
        with pytest.raises(ConfigError, match="one channel"):
            open_source(f"{bench.url}&fault={fault}")
        return
    run, events = run_over(control, f"{bench.url}&fault={fault}")
    assert (run.finish_reason, outcome.sentence in (run.error or "")) == (outcome.reason, True)
    counted = ("samples", "samples_lost", "losses_of_unknown_size", "samples_repeated", "overruns")
    changes = {name: getattr(run.ledger, name) - getattr(bench.sound.ledger, name) for name in counted}
    if outcome.reason is FinishReason.SOURCE_ENDED:
        assert {name: change for name, change in changes.items() if change} == outcome.ledger
    else:
        assert run.ledger.samples == bench.place and run.error
    if outcome.same:
        assert [(e.trigger_tick, e.flags) for e in events] == [(e.trigger_tick, e.flags) for e in bench.events]
    if "samples" in outcome.ledger:
        check_gap_flags(kind, bench, events)
    inside = [e for e in events if bench.place <= e.trigger_tick < bench.place + BLOCK]
    if kind == "clip":
        assert inside and all(e.flags & EventFlag.CLIPPED for e in inside)
    if kind == "swap":
        # What is watched for cells is dark from here on: no event passes as a cell.
        assert inside and all(e.flags for e in events if e.trigger_tick >= bench.place)
    # What came before the fault is as if there was none.
    early = [e for e in bench.events if e.trigger_tick + 2 * e.window.shape[0] < bench.place]
    assert [e.trigger_tick for e in events[: len(early)]] == [e.trigger_tick for e in early]


def check_gap_flags(kind: str, bench: Bench, events: list[Event]) -> None:
    """Every event whose light the gap took says so, and no event that is far from it."""
    behind = {"drop": (0, bench.place + BLOCK), "lose": (0, bench.place), "overrun": (1, 0)}[kind]
    detector = detector_for(bench.sound.instrument)
    assert isinstance(detector, PeriodicDetector)
    s, flagged = detector.settings, 0
    for event in events:
        period, tick = event.clock.period_ticks, event.trigger_tick
        # The sample clock goes on after a loss that is known, and after one that is not.
        is_before = event.epoch == 0 and tick < bench.place
        room = (bench.place - tick if is_before else tick - behind[1]) / period
        light, window = (s.signal_after, s.window_after) if is_before else (s.signal_before, s.window_before)
        if room < light:
            assert event.flags & EventFlag.GAP
        if room > window + s.longest:
            assert not event.flags & EventFlag.GAP
        assert not is_before or event.window_tick + len(event.window) <= bench.place
        assert is_before or (event.epoch, event.window_tick) >= behind
        flagged += bool(event.flags & EventFlag.GAP)
    assert flagged > 0


def test_data_that_comes_after_more_than_64_time_outs_is_taken(
    bench: Bench, control: RunControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle: list[int] = []
    read = FaultySource.read

    def counting(self: FaultySource, timeout_s: float = 1.0) -> object:
        try:
            return read(self, timeout_s)
        except SourceTimeout:
            idle.append(1)
            raise

    monkeypatch.setattr(FaultySource, "read", counting)
    monkeypatch.setattr(intake, "_TURN_S", 0.002)
    run, events = run_over(control, f"{bench.url}&fault=idle:at={bench.at}:for=0.5s")
    assert sum(idle) > 64 and run.ledger == bench.sound.ledger
    np.testing.assert_array_equal([e.trigger_tick for e in events], [e.trigger_tick for e in bench.events])
