"""Every cell is answered exactly once and in order, whatever becomes of the workers; no thread or socket is left."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zmq

from inference.dispatcher import Dispatcher
from inference.errors import TransportError
from inference.finished import Finished
from inference.messages import Batch, Heartbeat, Message, Ready, Start
from inference.results import CellResults
from inference.wire import decode, encode
from inference.worker import Worker
from reconstruction.images import CellImages, Rejection
from reconstruction.speed import SpeedSource

START = Start("run", 1, "{}", "test", "digest", b"bundle")


class Doubler:
    """A model whose answer shows which image it saw."""

    provider = "TestProvider"

    def __init__(self, delay_s: float = 0.0, fails: int = 0) -> None:
        self.delay_s, self.fails = delay_s, fails

    def answer_arrays(self, event_id: npt.NDArray[Any], arrays: Mapping[str, npt.ArrayLike]) -> CellResults:
        time.sleep(self.delay_s)
        if self.fails:
            self.fails -= 1
            raise RuntimeError("out of memory")
        seen = 2 * np.asarray(arrays["transmission"], np.float32)[:, :1, 0]
        rows = len(event_id)
        return CellResults(event_id, seen, np.ones((rows, 1), np.float32), np.zeros((rows, 0), np.float32), seen[:, 0])


def cells(first: int, count: int, rejected: frozenset[int] = frozenset()) -> CellImages:
    event_id = np.arange(first, first + count, dtype=np.uint64)
    zeros = np.zeros(count, np.float32)
    return CellImages(
        event_id=event_id,
        epoch=np.zeros(count, np.int32),
        trigger_tick=event_id.astype(np.float64),
        images={"transmission": np.tile(event_id.astype(np.float32)[:, None, None], (1, 4, 4))},
        pixel_um=0.25,
        speed_m_s=zeros,
        speed_error_m_s=zeros,
        speed_source=(SpeedSource.COMB,) * count,
        flags=np.zeros(count, np.uint32),
        rejection=tuple(Rejection.OVERLAP if int(i) in rejected else Rejection.NONE for i in event_id),
        features={},
    )


@contextmanager
def working(dispatcher: Dispatcher, *engines: Doubler) -> Iterator[list[Worker]]:
    """Threads that answer with these engines, over the dispatcher's own address."""
    context = dispatcher.context if dispatcher.address.startswith("inproc") else None
    workers = [
        Worker(dispatcher.address, lambda _, e=engine: e, name=f"w{i}", context=context)  # type: ignore[misc]  # default binds e
        for i, engine in enumerate(engines)
    ]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield workers
    finally:
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive()


def collect(dispatcher: Dispatcher, batches: int, limit_s: float = 20) -> list[Finished]:
    done: list[Finished] = []
    deadline = time.monotonic() + limit_s
    while len(done) < batches and time.monotonic() < deadline:
        done += dispatcher.results(0.1)
    assert len(done) == batches
    return done


def check_answers(done: list[Finished], first: int = 1) -> None:
    """Each event once, in order, with its own answer."""
    answered = np.concatenate([f.results.event_id for f in done if f.results is not None])
    expected = np.concatenate([f.images.event_id[f.images.is_cell] for f in done])
    np.testing.assert_array_equal(answered, expected)
    for finished in done:
        if finished.results is not None:
            np.testing.assert_array_equal(finished.results.novelty, 2.0 * finished.results.event_id)


@pytest.mark.parametrize("address", ["inproc://test", "tcp://127.0.0.1:*"])
def test_two_workers_answer_each_cell_once_and_in_order(address: str) -> None:
    with Dispatcher(address, bound=8) as dispatcher, working(dispatcher, Doubler(0.002), Doubler(0.005)):
        dispatcher.begin(START, ["transmission"])
        dispatcher.wait_ready(10, workers=2)
        done: list[Finished] = []
        for k in range(30):
            while not dispatcher.submit(cells(1 + 5 * k, 5, frozenset({5 * k + 2}) if k % 3 else frozenset())):
                done += dispatcher.results(0.01)
        done += collect(dispatcher, 30 - len(done))
        check_answers(done)
        assert dispatcher.ignored_answers == dispatcher.given_again == 0
        assert {view.provider for view in dispatcher.workers()} == {"TestProvider"}
        assert sum(view.answered for view in dispatcher.workers()) == 30


def test_a_batch_without_cells_keeps_its_place() -> None:
    with Dispatcher() as dispatcher, working(dispatcher, Doubler()):
        dispatcher.begin(START, ["transmission"])
        for first, rejected in ((1, frozenset[int]()), (3, frozenset({3, 4})), (5, frozenset[int]())):
            assert dispatcher.submit(cells(first, 2, rejected))
        done = collect(dispatcher, 3)
        assert [int(f.images.event_id[0]) for f in done] == [1, 3, 5]
        assert done[1].results is None and not done[1].error


def test_outstanding_work_is_bounded() -> None:
    with Dispatcher(bound=3) as dispatcher:
        dispatcher.begin(START, ["transmission"])
        accepted = [dispatcher.submit(cells(k, 1)) for k in range(1, 6)]
        assert accepted == [True, True, True, False, False]
        began = time.monotonic()
        assert not dispatcher.submit(cells(9, 1), timeout_s=0.2)
        assert time.monotonic() - began >= 0.2


class RawWorker:
    """A worker made by hand, that can die, dawdle and lie."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.socket: zmq.Socket[bytes] = dispatcher.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(dispatcher.address)

    def say(self, message: Message) -> None:
        self.socket.send_multipart(encode(message))

    def hear(self, kind: type[Message], limit_s: float = 5) -> Any:
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if self.socket.poll(50):
                message = decode(self.socket.recv_multipart())
                if isinstance(message, kind):
                    return message
        raise AssertionError(f"no {kind.__name__} came")

    def join(self, credit: int = 2) -> None:
        self.say(Ready("raw", "", 0, ""))
        self.hear(Start)
        self.say(Ready("raw", "RawProvider", credit, "run"))


def test_the_work_of_a_silent_worker_is_given_again_and_its_late_answer_ignored() -> None:
    with Dispatcher(silence_s=0.3) as dispatcher:
        dispatcher.begin(START, ["transmission"])
        silent = RawWorker(dispatcher)
        silent.join()
        dispatcher.wait_ready(5)
        for k in range(4):
            assert dispatcher.submit(cells(1 + k, 1))
        held = silent.hear(Batch)
        with working(dispatcher, Doubler()):
            done = collect(dispatcher, 4)
            check_answers(done)
            assert dispatcher.given_again == 2
            from inference.messages import Answers

            late = Doubler().answer_arrays(held.event_id, held.images)
            silent.say(Answers("run", held.batch, late))
            silent.hear(Start)  # it is told to join again
            assert dispatcher.ignored_answers == 1
            assert not dispatcher.results(0.1)
        silent.socket.close()


def test_a_batch_that_every_worker_fails_on_does_not_hold_up_the_others() -> None:
    with Dispatcher() as dispatcher, working(dispatcher, Doubler(fails=3)):
        dispatcher.begin(START, ["transmission"])
        dispatcher.wait_ready(5)
        assert dispatcher.submit(cells(1, 2))
        first = collect(dispatcher, 1)[0]
        assert first.results is None and "out of memory" in first.error
        assert dispatcher.submit(cells(3, 2))
        check_answers(collect(dispatcher, 1))


def test_who_submits_gets_answers_at_once_while_nothing_else_is_unanswered() -> None:
    with Dispatcher() as dispatcher, working(dispatcher, Doubler(0.2)) as workers:
        dispatcher.answered_by(workers[0])
        dispatcher.begin(START, ["transmission"])
        # Nobody is warm yet: it waits for the worker as it would anyhow.
        assert dispatcher.submit(cells(1, 2), at_once=True)
        check_answers(collect(dispatcher, 1))
        assert dispatcher.submit(cells(3, 2), at_once=True) and dispatcher.unanswered == 0
        assert dispatcher.submit(cells(5, 2)) and dispatcher.unanswered == 1
        # The one before is on its way, so that this one is too.
        assert dispatcher.submit(cells(7, 2), at_once=True) and dispatcher.unanswered == 2
        done = collect(dispatcher, 3)
        check_answers(done)
        assert [int(finished.images.event_id[0]) for finished in done] == [3, 5, 7]
        assert [view.answered for view in dispatcher.workers()] == [4]
        assert dispatcher.given_again == dispatcher.ignored_answers == 0


def test_a_batch_that_fails_where_it_was_submitted_is_given_again() -> None:
    with Dispatcher() as dispatcher, working(dispatcher, Doubler(fails=2)) as workers:
        dispatcher.answered_by(workers[0])
        dispatcher.begin(START, ["transmission"])
        dispatcher.wait_ready(5)
        assert dispatcher.submit(cells(1, 2), at_once=True)
        check_answers(collect(dispatcher, 1))
        assert dispatcher.given_again == 2


def test_a_batch_given_up_while_it_is_answered_at_once_is_over_all_the_same() -> None:
    with Dispatcher() as dispatcher, working(dispatcher, Doubler(0.5)) as workers:
        dispatcher.answered_by(workers[0])
        dispatcher.begin(START, ["transmission"])
        dispatcher.wait_ready(5)
        giving_up = threading.Timer(0.1, dispatcher.abandon, ["failed"])
        giving_up.start()
        assert dispatcher.submit(cells(1, 2), at_once=True)
        giving_up.join()
        done = collect(dispatcher, 1)
        assert done[0].results is None and done[0].error == "failed" and dispatcher.ignored_answers == 1


def test_a_model_that_cannot_be_loaded_is_said_when_arming() -> None:
    def broken(_: Start) -> Doubler:
        raise TransportError("The bundle is damaged; get it again.")

    with Dispatcher() as dispatcher:
        worker = Worker(dispatcher.address, broken, context=dispatcher.context)
        thread = threading.Thread(target=worker.run)
        thread.start()
        dispatcher.begin(START, ["transmission"])
        with pytest.raises(TransportError, match="damaged"):
            dispatcher.wait_ready(5)
        worker.stop()
        thread.join(5)


def test_no_worker_is_one_sentence_that_says_how_to_start_one() -> None:
    with Dispatcher("tcp://127.0.0.1:*") as dispatcher:
        dispatcher.begin(START, ["transmission"])
        with pytest.raises(TransportError, match=r"lightline worker --connect tcp://127\.0\.0\.1:\d+"):
            dispatcher.wait_ready(0.2)


def test_garbage_on_the_port_is_counted_and_changes_nothing() -> None:
    with Dispatcher("tcp://127.0.0.1:*") as dispatcher, working(dispatcher, Doubler()):
        dispatcher.begin(START, ["transmission"])
        dispatcher.wait_ready(5)
        stranger = RawWorker(dispatcher)
        for frames in ([b""], [b"GET / HTTP/1.1"], [b"\x81\xa1a\x01", b"x"], [b"\xc1" * 2_000_000]):
            stranger.socket.send_multipart(frames)
        stranger.say(Start("run", 1, "{}", "", "", b""))
        assert dispatcher.submit(cells(1, 3))
        check_answers(collect(dispatcher, 1))
        deadline = time.monotonic() + 5
        while dispatcher.malformed < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert dispatcher.malformed == 5
        stranger.socket.close()


@pytest.mark.parametrize(
    "address",
    [
        "tcp://0.0.0.0:5555",
        "tcp://192.168.1.5:5555",
        "tcp://*:5555",
        "tcp://example.org:1",
        "ipc:///tmp/x",
        "5555",
        "tcp://[::]:9",
    ],
)
def test_addresses_that_others_could_reach_are_refused(address: str) -> None:
    with pytest.raises(TransportError) as caught:
        Dispatcher(address)
    assert "\n" not in str(caught.value) and "tcp://127.0.0.1" in str(caught.value)


def test_a_taken_port_is_one_sentence() -> None:
    with Dispatcher("tcp://127.0.0.1:*") as first:
        second = Dispatcher(first.address)
        with pytest.raises(TransportError, match="cannot be used"):
            second.open()
        second.context.term()


def test_runs_follow_each_other_and_leave_no_thread() -> None:
    before = set(threading.enumerate())
    with Dispatcher() as dispatcher, working(dispatcher, Doubler()):
        for number in range(1, 4):
            start = Start(f"run{number}", number, "{}", "test", "digest", b"bundle")
            dispatcher.begin(start, ["transmission"])
            dispatcher.wait_ready(5)
            assert dispatcher.submit(cells(1, 4))
            check_answers(collect(dispatcher, 1))
            dispatcher.end("source_ended", {"stored": 4})
    left = {thread for thread in threading.enumerate() if thread not in before}
    # pyzmq keeps one thread of its own for frames that are sent without a copy, for the life of the process.
    assert {type(thread).__name__ for thread in left} <= {"GarbageCollectorThread"}


def test_a_worker_process_goes_home_when_its_dispatcher_is_gone() -> None:
    with Dispatcher("tcp://127.0.0.1:*") as dispatcher:
        command = [sys.executable, "-m", "inference.worker_process", dispatcher.address, "--patience-s", "1.5"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 20
        while not dispatcher.workers() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert dispatcher.workers()
        dispatcher._talk.assignments.members.clear()  # as if the dispatcher had been killed: nobody says stop
    assert process.communicate(timeout=20)[1] == b""
    assert process.returncode == 0


def test_heartbeats_are_echoed_so_that_workers_know_their_dispatcher_lives() -> None:
    with Dispatcher() as dispatcher:
        raw = RawWorker(dispatcher)
        raw.say(Heartbeat())
        assert raw.hear(Heartbeat) == Heartbeat("")
        raw.socket.close()
