"""The one state machine of run control: which state of a run follows which, and what the service shows of it."""

from __future__ import annotations

from collections.abc import Mapping

from service.run import Run, RunState
from service.status import ServiceState

FOLLOWS: Mapping[RunState, frozenset[RunState]] = {
    RunState.ARMED: frozenset({RunState.ACQUIRING, RunState.DRAINING}),
    RunState.ACQUIRING: frozenset({RunState.DRAINING}),
    RunState.DRAINING: frozenset({RunState.DONE, RunState.FAILED}),
    RunState.DONE: frozenset(),
    RunState.FAILED: frozenset(),
}
"""What may come after each state of a run; a run that is stopped before it acquired drains nothing, and is done."""

READY = frozenset({ServiceState.IDLE, ServiceState.ERROR})
"""States of a service in which a run can be armed."""


def checked_step(before: RunState, after: RunState) -> RunState:
    """Return the state to go to.

    Raises
    ------
    ValueError
        If it cannot follow: a fault of our own, never of a user.
    """
    if after not in FOLLOWS[before]:
        raise ValueError(f"a run that is {before} cannot become {after}")
    return after


def service_state(run: Run | None, *, over: bool, arming: bool, closed: bool, acknowledged: bool) -> ServiceState:
    """Return what a service shows.

    Parameters
    ----------
    run
        The run in progress or the last one; None before the first.
    over
        Whether that run's files are complete.
    arming
        Whether another run is being armed.
    closed
        Whether the service takes no more runs.
    acknowledged
        Whether somebody said that they know how that run ended.
    """
    if closed:
        return ServiceState.CLOSED
    if arming:
        return ServiceState.ARMING
    if run is None:
        return ServiceState.IDLE
    if over:
        return ServiceState.IDLE if run.error is None or acknowledged else ServiceState.ERROR
    # The last files are being closed while the run is called done already.
    return ServiceState.DRAINING if run.state.ended else ServiceState(run.state.value)
