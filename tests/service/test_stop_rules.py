"""A run ends once enough of its cells lie in a gate, and begins with the gates that it was asked to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from line_parts import REJECT_EVERY, KnownSource, known_makers

from acquisition.errors import ConfigError
from service.errors import QueryError, UnknownRun
from service.gates.gate import Gate
from service.run import FinishReason, RunRequest
from service.runs.control import RunControl
from service.status import ServiceState

ODD = {"name": "odd", "region": {"kind": "filter", "where": "class = 'odd'"}}
SMALL = {
    "name": "small odd",
    "parent": "odd",
    "region": {"kind": "rectangle", "sides": [{"column": "area_um2", "high": 45.0}]},
}


@pytest.fixture
def control(tmp_path: Path) -> Iterator[RunControl]:
    with RunControl(tmp_path, makers=known_makers(lambda: KnownSource(None, pause_s=0.001))) as made:
        yield made


def asked(**fields: Any) -> RunRequest:
    return RunRequest.model_validate({"source": "known:", **fields})


def test_a_run_ends_with_enough_cells_in_a_gate(control: RunControl) -> None:
    request = asked(gates=[SMALL, ODD], stop={"gate": "small odd", "cells": 40}, cells=100_000)
    run = control.wait(control.start(request).id, 30)
    assert run.finish_reason is FinishReason.GATE_REACHED and run.error is None
    folder = control.folder(run.id)
    counted = folder.results().statistics.in_gates(["odd", "small odd"])
    progress = control.status().stop
    assert progress is not None and (progress.gate, progress.wanted) == ("small odd", 40)
    # What was in flight when it had enough is stored and counted as well.
    assert progress.cells == counted["small odd"] >= 40
    small = [k for k in range(1, run.ledger.detected + 1) if k % REJECT_EVERY and k % 2 and k % 90 < 45]
    assert len(small) == counted["small odd"]
    assert {version.version for version in folder.gates.newest().values()} == {1}


def test_gates_are_copied_from_another_run_as_they_now_stand(control: RunControl) -> None:
    first = control.wait(control.start(asked(gates=[ODD, SMALL], cells=10)).id, 30)
    changed = Gate.model_validate(ODD | {"region": {"kind": "filter", "where": "class = 'even'"}})
    control.folder(first.id).gates.put([changed], None)
    second = control.start(asked(gates_from=first.id, stop={"gate": "odd", "cells": 5}))
    gates = control.folder(second.id).gates.newest()
    assert gates["odd"].gate == changed and gates["odd"].version == 1 and set(gates) == {"odd", "small odd"}
    assert control.wait(second.id, 30).finish_reason is FinishReason.GATE_REACHED
    assert control.folder(second.id).results().cells.page("gate = 'odd'").total >= 5


def test_another_rule_may_hold_first(control: RunControl) -> None:
    run = control.wait(control.start(asked(gates=[ODD], stop={"gate": "odd", "cells": 10**6}, cells=20)).id, 30)
    assert run.finish_reason is FinishReason.TARGET_REACHED


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"stop": {"gate": "odd", "cells": 5}}, QueryError, "no gate 'odd'"),
        ({"gates": [SMALL]}, QueryError, "no gate 'odd'"),
        ({"gates": [ODD, ODD]}, ConfigError, "one name"),
        ({"gates": [{"name": "g", "region": {"kind": "filter", "where": "volume_um3 > 3"}}]}, QueryError, "no column"),
        ({"gates_from": "20260101T000000000Z-aaaaaa"}, UnknownRun, "no run"),
    ],
)
def test_gates_that_do_not_fit_are_refused_before_there_is_a_run(
    control: RunControl, fields: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        control.start(asked(**fields))
    assert control.runs() == [] and control.status().state is ServiceState.IDLE


def test_a_request_has_gates_of_its_own_or_of_another_run() -> None:
    with pytest.raises(ValueError, match="not with both"):
        asked(gates=[ODD], gates_from="20260101T000000000Z-aaaaaa")
