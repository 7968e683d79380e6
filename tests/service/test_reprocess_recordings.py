"""A recording becomes a run once, with every event of its stream, and its cells get their answers like any others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from line_parts import KnownBundle, KnownDetector, KnownSource, known_makers

from acquisition.errors import ConfigError, DeviceLost, TraceError
from acquisition.event import Event
from service.errors import SetComplete
from service.reprocess.batch import as_runs, reprocess_all
from service.reprocess.executor import InOrder
from service.reprocess.finding import find, search_of
from service.reprocess.plan import Wanted
from service.run import DropReason, RunState
from service.runs.arming import Makers
from service.store.run_folder import RunFolder

EVENTS, REJECTED = 60, 8


class Recorded(KnownSource):
    total_samples = EVENTS * 500


def nothing(_done: int, _total: int) -> None:
    """Nobody watches."""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "trace-0001.h5"
    path.write_bytes(b"what a stand-in plays")
    return path


@pytest.fixture
def known() -> Makers:
    return known_makers(lambda: Recorded(EVENTS))


def test_a_recording_becomes_a_run_with_the_events_of_its_stream(
    recording: Path, known: Makers, tmp_path: Path
) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    path = find(search_of(recording, root, None, known))
    with closing(RunFolder.open(path)) as folder, Recorded(EVENTS) as source:
        run = folder.run()
        assert run.state is RunState.DONE and run.bundle_digest == KnownBundle.digest
        assert run.ledger.dropped == {DropReason.DEFERRED: EVENTS} and run.ledger.samples == Recorded.total_samples
        detector = KnownDetector()
        expected: list[Event] = []
        while len(expected) < EVENTS:
            expected += detector.push(source.read())
        for event in expected:
            stored = folder.event(event.event_id)
            assert stored.window.tobytes() == event.window.tobytes()
            assert (stored.trigger_tick, stored.clock, stored.neighbours) == (
                event.trigger_tick,
                event.clock,
                event.neighbours,
            )
    assert [entry.name for entry in root.iterdir()] == [path.name], "something was left beside"


def test_recordings_are_answered_and_what_is_complete_is_passed_over(
    recording: Path, known: Makers, tmp_path: Path
) -> None:
    later = recording.with_name("later.h5")
    later.write_bytes(b"another one")
    os.utime(later, (1.8e9, 1.8e9))
    seen: list[Path] = []

    class Counting(InOrder):
        def each(self, function: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterator[Any]:
            pieces = list(pieces)
            seen.extend(pieces)
            return super().each(function, pieces)

    root = tmp_path / "data" / "runs"
    runs = as_runs([recording, later], root, None, Counting(), known, nothing)
    assert len(set(runs)) == 2 == len(seen)
    first = list(reprocess_all(runs[:1], Wanted(), InOrder(), known, nothing))
    assert (first[0].ledger.stored, first[0].ledger.rejected) == (EVENTS - REJECTED, {"overlap": REJECTED})
    again = as_runs([recording, runs[1]], root, None, InOrder(), known, nothing)
    assert again == runs
    assert [one.run for one in reprocess_all(again, Wanted(), InOrder(), known, nothing)] == [runs[1].name]
    with pytest.raises(SetComplete):
        list(reprocess_all(runs[:1], Wanted(), InOrder(), known, nothing))


def test_two_that_search_one_recording_make_one_run(recording: Path, known: Makers, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    search = search_of(recording, root, None, known)
    (root / f".finding-{search.run_id}-00000000").mkdir()

    def overtaken(url: str, **options: Any) -> Any:
        find(search)
        return Recorded(EVENTS)

    assert find(replace(search, makers=replace(known, source=overtaken))) == root / search.run_id
    assert [entry.name for entry in root.iterdir()] == [search.run_id]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (lambda: KnownSource(None), "no recording"),
        (lambda: Recorded(EVENTS, error=DeviceLost("The file ends too early.")), "too early"),
    ],
)
def test_what_is_no_whole_recording_becomes_no_run(
    recording: Path, tmp_path: Path, source: Callable[[], KnownSource], said: str
) -> None:
    with pytest.raises((ConfigError, TraceError), match=said):
        as_runs([recording], tmp_path / "runs", None, InOrder(), known_makers(source), nothing)
    assert list((tmp_path / "runs").iterdir()) == []
    with pytest.raises(TraceError, match="no recording"):
        as_runs([tmp_path / "missing.h5"], tmp_path / "runs", None, InOrder(), known_makers(source), nothing)
