"""Runs begin one after the other until one does not end as it was asked to, somebody stops, or there are no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from line_parts import KnownSource, known_makers

from acquisition.errors import ConfigError, DeviceLost
from service.errors import RunStateError, UnknownSequence
from service.run import RunRequest, RunState
from service.runs.arming import Makers
from service.runs.control import RunControl
from service.sequence import SequenceRequest, SequenceState, SequenceStatus
from service.status import ServiceState

S = SequenceState


class Sources:
    """Sources in turn; the last one stays."""

    def __init__(self, *made: Callable[[], Any]) -> None:
        self._left = list(made)

    def __call__(self) -> Any:
        return (self._left.pop(0) if len(self._left) > 1 else self._left[0])()


def short() -> KnownSource:
    return KnownSource(20)


def endless() -> KnownSource:
    return KnownSource(None, pause_s=0.001)


@pytest.fixture
def control_of(tmp_path: Path) -> Iterator[Callable[..., RunControl]]:
    made: list[RunControl] = []

    def make(*sources: Callable[[], Any], makers: Makers | None = None) -> RunControl:
        made.append(RunControl(tmp_path, makers=makers or known_makers(Sources(*sources))))
        return made[-1]

    yield make
    for control in made:
        control.close()


def sequence(*names: str, **more: Any) -> SequenceRequest:
    return SequenceRequest(runs=tuple(RunRequest(source="known:", name=name) for name in names), **more)


def until(control: RunControl, states: set[SequenceState], runs: int = 0) -> SequenceStatus:
    """Wait until the sequence is in one of these states, with so many runs begun."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = control.sequences.newest()
        if status is not None and status.state in states and len(status.runs) >= runs:
            return status
        time.sleep(0.01)
    raise AssertionError(f"the sequence stays {control.sequences.newest()}")


def test_every_run_is_made_in_its_turn_and_its_name_says_which(control_of: Callable[..., RunControl]) -> None:
    control = control_of(short)
    begun = control.sequences.begin(sequence("blank", "blood", repeat=2, name="morning"))
    assert (begun.state, begun.steps, len(begun.runs), begun.name) == (S.RUNNING, 4, 1, "morning")
    assert begun.next == "blood (1 of 2)"
    ended = until(control, {S.DONE, S.FAILED})
    assert ended.state is S.DONE and ended.error is None and ended.next == ""
    runs = {run.id: run for run in control.runs()}
    names = [runs[run_id].request.name for run_id in ended.runs]
    assert names == ["blank (1 of 2)", "blood (1 of 2)", "blank (2 of 2)", "blood (2 of 2)"]
    assert all(runs[run_id].state is RunState.DONE for run_id in ended.runs)
    assert control.status().sequence == ended == control.sequences.status(begun.id)


@pytest.mark.parametrize("how", ["lost", "cannot be opened"])
def test_a_run_that_fails_stops_the_rest(control_of: Callable[..., RunControl], how: str) -> None:
    def gone() -> KnownSource:
        if how == "lost":
            return KnownSource(20, error=DeviceLost("The digitizer is gone."))
        raise ConfigError("The digitizer is gone.")

    control = control_of(short, gone, short)
    control.sequences.begin(sequence("a", "b", "c"))
    ended = until(control, {S.DONE, S.FAILED})
    assert (ended.state, ended.error) == (S.FAILED, "The digitizer is gone.")
    assert len(ended.runs) == (2 if how == "lost" else 1) == len(control.runs())
    assert ended.next == ("c" if how == "lost" else "b")


def test_who_stops_a_run_stops_the_sequence(control_of: Callable[..., RunControl]) -> None:
    control = control_of(endless)
    control.stop(control.sequences.begin(sequence("a", "b")).runs[0])
    assert len(until(control, {S.STOPPED, S.DONE}).runs) == 1 == len(control.runs())
    assert control.status().state is ServiceState.IDLE


def test_a_cancelled_sequence_begins_no_other_run_and_leaves_the_one_in_progress(
    control_of: Callable[..., RunControl],
) -> None:
    control = control_of(endless)
    begun = control.sequences.begin(sequence("a", "b"))
    with pytest.raises(RunStateError, match="is running; cancel it"):
        control.sequences.begin(sequence("c"))
    assert control.sequences.cancel(begun.id).state is S.CANCELLED
    assert control.status().state is ServiceState.ACQUIRING
    with pytest.raises(RunStateError, match="cancelled"):
        control.sequences.cancel(begun.id)
    control.stop(begun.runs[0])
    control.wait(begun.runs[0], 30)
    control.sequences.join()
    assert len(control.runs()) == 1 and control.sequences.status(begun.id).state is S.CANCELLED
    assert control.sequences.begin(sequence("d")).state is S.RUNNING


def test_there_is_a_pause_and_it_can_be_cancelled(control_of: Callable[..., RunControl]) -> None:
    control = control_of(short)
    begun = control.sequences.begin(sequence("a", "b", pause_s=3600))
    until(control, {S.PAUSING})
    assert control.status().state is ServiceState.IDLE
    control.sequences.cancel(begun.id)
    control.sequences.join()
    assert len(control.sequences.status(begun.id).runs) == 1


def test_closing_the_service_ends_a_sequence(control_of: Callable[..., RunControl]) -> None:
    control = control_of(endless)
    begun = control.sequences.begin(sequence("a", "b"))
    control.close()
    assert control.sequences.status(begun.id).state is S.CANCELLED and len(begun.runs) == 1


def test_a_first_run_that_cannot_be_is_answered_at_once(control_of: Callable[..., RunControl]) -> None:
    def nothing() -> KnownSource:
        raise ConfigError("There is no such source.")

    control = control_of(nothing, short)
    with pytest.raises(ConfigError, match="no such source"):
        control.sequences.begin(sequence("a", "b"))
    assert control.sequences.all() == []
    with pytest.raises(UnknownSequence):
        control.sequences.cancel("nothing")
    control.sequences.begin(sequence("a"))
    assert until(control, {S.DONE}).steps == 1


def test_a_sequence_has_an_end() -> None:
    with pytest.raises(ValueError, match="at most 1000 runs"):
        sequence("a", "b", repeat=501)
