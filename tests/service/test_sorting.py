"""Who sorts is told of every event, in order, whether it lies in the gate; who reads too slowly holds nobody up."""

from __future__ import annotations

import itertools
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from line_parts import REJECT_EVERY, KnownModel, KnownSource, known_makers

from acquisition.errors import ConfigError
from inference.address import from_here
from inference.keys import WorkerKeys, make_keys
from service.errors import QueryError
from service.run import FinishReason, RunRequest, SortRequest
from service.runs.control import RunControl
from service.status import ServiceState, SortStatus
from service.store.run_folder import RunFolder

ODD = {"name": "odd", "region": {"kind": "filter", "where": "class = 'odd'"}}


@contextmanager
def service(
    tmp_path: Path, events: int | None, model: Any = KnownModel, keys: Path | None = None
) -> Iterator[RunControl]:
    makers = known_makers(lambda: KnownSource(events, pause_s=0.001), model)
    with RunControl(tmp_path, makers=makers, keys=keys) as control:
        yield control


def held(address: str = "tcp://127.0.0.1:*") -> RunRequest:
    sort = {"gate": "odd", "address": address}
    return RunRequest.model_validate({"source": "known:", "gates": [ODD], "sort": sort, "hold": True})


@contextmanager
def subscriber(control: RunControl, keys: WorkerKeys | None = None, /, **options: int) -> Iterator[zmq.Socket[bytes]]:
    """Subscribe to the run that is held, and wait until the service knows it, or has refused it."""
    before = sorting(control).subscribers
    with zmq.Context() as context, context.socket(zmq.SUB) as sub:
        sub.setsockopt(zmq.LINGER, 0)
        if keys is not None:
            keys.apply(sub)
        for name, value in options.items():
            sub.setsockopt(getattr(zmq, name), value)
        sub.subscribe(b"")
        sub.connect(from_here(sorting(control).address))
        until = time.monotonic() + 20
        while (now := sorting(control)).subscribers == before and not now.refused and time.monotonic() < until:
            time.sleep(0.01)
        yield sub


def sorting(control: RunControl) -> SortStatus:
    found = control.status().sort
    assert found is not None
    return found


def messages(sub: zmq.Socket[bytes]) -> Iterator[dict[str, Any]]:
    while sub.poll(20_000):
        message = msgpack.unpackb(sub.recv())
        yield message
        if message["type"] == "end":
            return


def test_every_event_is_decided_in_order_as_its_row_says(tmp_path: Path) -> None:
    with service(tmp_path, 300) as control:
        run = control.start(held())
        with subscriber(control) as sub:
            control.begin(run.id)
            *decisions, end = messages(sub)
        run = control.wait(run.id, 30)
        assert [one["event"] for one in decisions] == list(range(1, 301))
        inside = {
            row["event_id"] for row in control.folder(run.id).results().cells.page("gate = 'odd'", limit=1000).rows
        }
        assert {one["event"] for one in decisions if one["decision"]} == inside
        rejected = [one for one in decisions if one["reason"]]
        assert [one["event"] for one in rejected] == list(range(REJECT_EVERY, 301, REJECT_EVERY))
        assert {(one["reason"], one["decision"]) for one in rejected} == {("overlap", False)}
        first = decisions[0]
        assert (first["run"], first["epoch"], first["tick"]) == (run.id, 0, 250.0)
        assert all(0 < one["latency_s"] < 60 for one in decisions)
        assert end == {"type": "end", "run": run.id, "decided": 300, "reason": "source_ended"}
        status = sorting(control)
        assert (status.decided, status.selected, status.missed) == (300, len(inside), 0)
        assert 0 < status.latency.p50_ms <= status.latency.max_ms


def test_who_does_not_read_misses_messages_and_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.runs.sorting.MOST_WAITING", 2)
    small = {"RCVHWM": 2, "RCVBUF": 4096}
    with service(tmp_path, 4000) as control:
        run = control.start(held())
        with subscriber(control, **small), subscriber(control, RCVHWM=100_000) as reads:
            control.begin(run.id)
            seen = [one["event"] for one in messages(reads) if one["type"] == "decision"]
            run = control.wait(run.id, 60)
        assert run.finish_reason is FinishReason.SOURCE_ENDED and run.ledger.detected == 4000
        assert not run.ledger.dropped
        assert seen == sorted(set(seen)), "who reads got them out of order"
        assert sorting(control).missed > 0


def test_cells_without_an_answer_are_not_selected_and_say_so(tmp_path: Path) -> None:
    class Broken(KnownModel):
        def answer_arrays(self, event_id: Any, arrays: Any) -> Any:
            raise MemoryError("gone")

    with service(tmp_path, 20, Broken) as control:
        run = control.start(held())
        with subscriber(control) as sub:
            control.begin(run.id)
            *decisions, _ = messages(sub)
        control.wait(run.id, 30)
    assert len(decisions) == 20 and not any(one["decision"] for one in decisions)
    assert {one["reason"] for one in decisions} == {"inference", "overlap"}


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("tcp://192.168.1.5:5560", "need keys"),
        ("tcp://0.0.0.0:5560", "need keys"),
        ("ipc:///tmp/x", "tcp://127.0.0.1:PORT"),
        ("inproc://x", "tcp://127.0.0.1:PORT"),
        ("taken", "choose another port"),
    ],
)
def test_an_address_that_cannot_be_is_one_sentence_and_no_run(tmp_path: Path, address: str, says: str) -> None:
    with socket.socket() as taken, service(tmp_path, 20) as control:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = f"tcp://127.0.0.1:{taken.getsockname()[1]}" if address == "taken" else address
        with pytest.raises(ConfigError, match=says):
            control.start(held(wanted))
        assert control.runs() == [] and control.status().state is ServiceState.IDLE


def test_on_other_computers_only_who_has_a_known_key_reads_decisions(tmp_path: Path) -> None:
    for folder, name in (("keys", "sorter"), ("strange", "stranger")):
        make_keys(tmp_path / folder, [name])
    mine, strange = tmp_path / "mine", tmp_path / "strange"
    mine.mkdir()
    for file in ("sorter.key", "sorter.key_secret", "service.key"):
        shutil.copy(tmp_path / "keys" / file, mine)
    shutil.copy(mine / "service.key", strange)
    with service(tmp_path / "data", 20, keys=tmp_path / "keys") as control:
        run = control.start(held("tcp://0.0.0.0:*"))
        with (
            subscriber(control, WorkerKeys.load(mine)) as known,
            subscriber(control, WorkerKeys.load(strange)) as unknown,
            subscriber(control) as bare,
        ):
            control.begin(run.id)
            *decisions, end = messages(known)
            assert len(decisions) == 20 and end["type"] == "end"
            assert not unknown.poll(0) and not bare.poll(0)
        control.wait(run.id, 30)
        status = sorting(control)
        assert status.decided == 20 and status.refused > 0


def test_the_gate_must_be_one_that_the_run_begins_with(tmp_path: Path) -> None:
    with service(tmp_path, 20) as control, pytest.raises(QueryError, match="no gate 'odd'"):
        control.start(RunRequest(source="known:", sort=SortRequest(gate="odd")))


def test_the_port_is_free_again_after_the_run(tmp_path: Path) -> None:
    with service(tmp_path, 20) as control:
        run = control.start(held())
        address = sorting(control).address
        control.stop(run.id)
        control.wait(run.id, 30)
        assert control.start(held(address)).id != run.id


def test_who_sorts_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    append = RunFolder.append

    def slow(self: RunFolder, *arguments: Any) -> None:
        free.wait(60)
        append(self, *arguments)

    monkeypatch.setattr(RunFolder, "append", slow)
    with service(tmp_path, 40) as control:
        run = control.start(held())
        with subscriber(control) as sub:
            control.begin(run.id)
            seen = itertools.islice(messages(sub), 40)
            assert [one["event"] for one in seen] == list(range(1, 41))
            assert control.status().ledger.stored == 0, "the disk was not slow"
            free.set()
            run = control.wait(run.id, 30)
    assert run.ledger.stored == 40 - 40 // REJECT_EVERY and not run.ledger.dropped
