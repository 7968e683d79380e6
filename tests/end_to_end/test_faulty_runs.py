"""A run over a source with driver faults ends with its reason, and its ledger says what was injected."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from acquisition.block import UNKNOWN_LOSS
from acquisition.errors import Overrun
from acquisition.network_address import Address
from acquisition.source import blocks, open_source
from acquisition.trace import TraceWriter
from service.run import FinishReason, Run, RunRequest, RunState
from service.runs.control import RunControl
from simulator.faults.faulty_source import FaultySource
from simulator.server import SourceServer

SECONDS = 0.5
SIMULATION = f"sim:sheet-ci?seconds={SECONDS}&seed=4&rate=60"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a recording whose blocks are small, to which a fault is added."""
    path = tmp_path_factory.mktemp("recording") / "cells.h5"
    with open_source(SIMULATION) as source, TraceWriter(path, source.instrument, origin=source.origin) as writer:
        for block in blocks(source):
            writer.append(block)
        truth = source.truth()
        assert truth is not None
        writer.set_truth(truth)
    return f"replay:{path}?seed=4&block_samples=50000&fault="


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunControl]:
    with RunControl(tmp_path_factory.mktemp("runs")) as control:
        yield control


def run_with(bundle: Path, control: RunControl, url: str, **more: object) -> Run:
    started = control.start(RunRequest.model_validate({"source": url, "bundle": str(bundle), **more}))
    run = control.wait(started.id, 120)
    ids = [row["event_id"] for row in control.folder(run.id).results().cells.page(limit=10_000).rows]
    assert len(ids) == len(set(ids)) == run.ledger.stored
    assert run.ledger.in_flight == 0 and "\n" not in str(run.error)
    return run


def injected(url: str) -> FaultySource:
    """The same source, read to its end."""
    source = open_source(url)
    assert isinstance(source, FaultySource)
    with source:
        source.start()
        with pytest.raises(Exception, match=r"ended|gone"):
            while True:
                try:
                    source.read(5.0)
                except Overrun:
                    source.start()
    return source


@pytest.fixture(scope="module")
def sound(bundle_file: Path, control: RunControl, recording: str) -> Run:
    run = run_with(bundle_file, control, recording)
    assert run.ledger.detected > 10
    return run


@pytest.mark.parametrize("fault", ["drop:rate=0.1", "drop:rate=0.1,short:rate=0.3,empty:rate=0.3,late:at=0.1s:by=0.2s"])
def test_every_counted_loss_stands_in_the_ledger(
    fault: str, bundle_file: Path, control: RunControl, recording: str
) -> None:
    run = run_with(bundle_file, control, recording + fault)
    assert run.state is RunState.DONE and run.finish_reason is FinishReason.SOURCE_ENDED
    lost = injected(recording + fault).samples_lost["drop"]
    assert run.ledger.samples_lost == lost > 0
    assert run.ledger.samples == round(SECONDS * run.instrument.sample_rate_hz) - lost


def test_every_uncounted_loss_stands_in_the_ledger(bundle_file: Path, control: RunControl, recording: str) -> None:
    run = run_with(bundle_file, control, recording + "lose:rate=0.1")
    assert run.state is RunState.DONE
    assert run.ledger.losses_of_unknown_size == injected(recording + "lose:rate=0.1").counts["lose"] > 0


def test_a_repeated_block_brings_no_cell_twice(
    sound: Run, bundle_file: Path, control: RunControl, recording: str
) -> None:
    run = run_with(bundle_file, control, recording + "repeat:rate=0.3", record=True)
    assert run.ledger.samples_repeated == 50_000 * injected(recording + "repeat:rate=0.3").counts["repeat"] > 0
    assert (run.ledger.samples, run.ledger.detected, run.ledger.stored) == (
        sound.ledger.samples,
        sound.ledger.detected,
        sound.ledger.stored,
    )
    with open_source(str(control.folder(run.id).path / "trace-0001.h5")) as source:
        assert source.total_samples == sound.ledger.samples


@pytest.mark.parametrize(
    "fault", ["reuse,wrap:at=0.3s,reset:every=0.2s", "short:rate=0.5,empty:rate=0.5,idle:at=0.1s:for=0.3s"]
)
def test_what_loses_nothing_changes_nothing(
    fault: str, sound: Run, bundle_file: Path, control: RunControl, recording: str
) -> None:
    run = run_with(bundle_file, control, recording + fault)
    assert run.ledger.model_dump() == sound.ledger.model_dump()


@pytest.mark.parametrize(
    ("fault", "reason", "sentence"),
    [
        ("gone:at=0.3s", FinishReason.SOURCE_LOST, "gone"),
        ("format:at=0.3s", FinishReason.SOURCE_LOST, "type uint16"),
    ],
)
def test_what_ends_a_stream_ends_the_run_with_its_reason(
    fault: str, reason: FinishReason, sentence: str, bundle_file: Path, control: RunControl, recording: str
) -> None:
    run = run_with(bundle_file, control, recording + fault, record=True)
    assert run.state is RunState.DONE and run.finish_reason is reason and sentence in (run.error or "")
    assert run.ledger.stored > 0 and not run.ledger.dropped
    with open_source(str(control.folder(run.id).path / "trace-0001.h5")) as source:
        assert source.total_samples == run.ledger.samples == 30 * 50_000
        truth = source.truth()
        assert truth is None or np.isfinite(truth["tick"]).all()


def test_a_run_goes_on_after_an_overrun_with_its_cells_and_its_truth(
    sound: Run, bundle_file: Path, control: RunControl, recording: str
) -> None:
    fault = "overrun:at=0.3s"
    run = run_with(bundle_file, control, recording + fault, record=True)
    assert run.state is RunState.DONE and run.finish_reason is FinishReason.SOURCE_ENDED and run.error is None
    assert (run.ledger.overruns, run.ledger.losses_of_unknown_size, run.ledger.samples_lost) == (1, 1, 0)
    assert run.ledger.samples == sound.ledger.samples - injected(recording + fault).samples_lost["overrun"]
    assert run.truth is not None and sound.truth is not None and run.truth["cells"] == sound.truth["cells"]
    rows = control.folder(run.id).results().cells.page(limit=10_000).rows
    assert {row["epoch"] for row in rows} == {0, 1} and not run.ledger.dropped
    # At most the cells of the block that was lost, and of the stretch that the clock is measured anew on, are missing.
    assert sound.truth["stored"] - 8 <= run.truth["stored"] <= sound.truth["stored"]
    with open_source(str(control.folder(run.id).path / "trace-0001.h5")) as trace:
        assert [b.lost_before for b in blocks(trace) if b.lost_before] == [UNKNOWN_LOSS]
        assert trace.total_samples == run.ledger.samples


def test_an_overrun_ends_a_run_that_is_not_to_be_started_again(
    bundle_file: Path, control: RunControl, recording: str
) -> None:
    run = run_with(bundle_file, control, recording + "overrun:at=0.3s", restarts=0)
    assert run.finish_reason is FinishReason.OVERRUN and "overran" in (run.error or "")
    assert (run.ledger.overruns, run.ledger.samples) == (1, 30 * 50_000)


def test_overruns_without_end_end_a_run(bundle_file: Path, control: RunControl, recording: str) -> None:
    run = run_with(bundle_file, control, recording + "overrun:every=0.05s")
    assert run.finish_reason is FinishReason.OVERRUN and "6 times in a row" in (run.error or "")
    assert (run.ledger.overruns, run.ledger.losses_of_unknown_size) == (6, 5)


def test_a_run_goes_on_after_an_overrun_at_the_other_end_of_the_network(
    sound: Run, bundle_file: Path, control: RunControl, recording: str
) -> None:
    with open_source(recording + "overrun:at=0.3s") as instrument:
        assert isinstance(instrument, FaultySource)
        server = SourceServer(instrument, Address("127.0.0.1", 0), live=False)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            run = run_with(bundle_file, control, str(server.address))
        finally:
            server.stop()
            thread.join(5)
        assert not thread.is_alive() and run.finish_reason is FinishReason.SOURCE_ENDED and run.error is None
        assert (run.ledger.overruns, run.ledger.losses_of_unknown_size) == (1, 1)
        assert run.ledger.samples == sound.ledger.samples - instrument.samples_lost["overrun"]
        assert run.truth is not None and sound.truth is not None and run.truth["cells"] == sound.truth["cells"]
