"""Events of a batch are made on several threads: each once, whatever else the processors do, and no fault is lost."""

import os
import threading

import pytest

from reconstruction import sharing
from reconstruction.sharing import PIECE, share_out


@pytest.fixture(autouse=True)
def three_processors(monkeypatch):
    monkeypatch.setattr(sharing, "_processors", lambda: 3)


@pytest.mark.parametrize("count", [0, 1, PIECE, PIECE + 1, 10 * PIECE - 3])
def test_everything_is_done_once(count):
    done = []
    share_out(lambda part: done.extend(range(part.start, part.stop)), count)
    assert sorted(done) == list(range(count))


def test_whoever_asks_does_it_all_where_nobody_is_free():
    begun, go_on, done = threading.Event(), threading.Event(), []

    def hold(_part):
        if threading.current_thread() is not keeper:
            begun.set()
        go_on.wait()

    # A batch whose threads are held keeps every helper busy.
    keeper = threading.Thread(target=share_out, args=(hold, 64 * PIECE))
    keeper.start()
    try:
        begun.wait(0.2)
        share_out(lambda part: done.append((part.start, threading.current_thread())), 5 * PIECE)
    finally:
        go_on.set()
        keeper.join()
    assert sorted(start for start, _ in done) == list(range(0, 5 * PIECE, PIECE))
    assert {thread for _, thread in done} == {threading.current_thread()}


def test_a_fault_of_any_thread_reaches_who_asked():
    def work(part):
        if part.start == 3 * PIECE:
            raise ValueError("This one cannot be made.")

    with pytest.raises(ValueError, match="cannot be made"):
        share_out(work, 8 * PIECE)


@pytest.mark.parametrize(("asked", "threads"), [("1", 1), ("5", 5), ("", os.cpu_count()), ("2,1", os.cpu_count())])
def test_a_process_that_is_one_of_many_keeps_to_the_threads_it_was_given(monkeypatch, asked, threads):
    monkeypatch.undo()
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(os.cpu_count()), raising=False)
    assert sharing._processors.__wrapped__() == threads
