"""Whatever workers do, in whatever order, each batch is closed exactly once and nobody holds more than its credit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from inference.assignments import Assignments

WORKERS = st.sampled_from([b"a", b"b", b"c"])
STEP = st.one_of(
    st.tuples(st.just("add"), st.just(b"")),
    st.tuples(st.just("give"), st.just(b"")),
    st.tuples(st.just("wait"), st.just(b"")),
    st.tuples(st.just("join"), WORKERS),
    st.tuples(st.just("leave"), WORKERS),
    st.tuples(st.just("answer"), WORKERS),
    st.tuples(st.just("fail"), WORKERS),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, max_size=60))
def test_random_schedules_close_every_batch_once(steps: list[tuple[str, bytes]]) -> None:
    book = Assignments(silence_s=5.0, attempts=3)
    added, now = 0, 0.0
    closed: list[int] = []
    had: dict[bytes, list[int]] = {}

    def give() -> None:
        for worker, batch in book.give(now):
            assert batch not in closed
            had.setdefault(worker, []).append(batch)
        for member in book.members.values():
            assert len(member.holds) <= member.credit
        closed.extend(book.given_up())

    for step, worker in steps:
        if step == "add":
            added += 1
            book.add(added)
        elif step == "give":
            give()
        elif step == "wait":
            now += 3.0
            book.expire(now)
        elif step == "join":
            book.join(worker, "w", "p", 2, now)
        elif step == "leave":
            book.leave(worker)
        elif had.get(worker):
            # A worker may answer what was long taken from it, or answer twice.
            batch = had[worker][0]
            if step == "fail":
                book.fail(worker, batch, "broken")
            elif book.answer(worker, batch, now):
                closed.append(batch)
            else:
                assert batch in closed
        assert len(closed) == len(set(closed))
    # In the end one honest worker finishes the rest.
    for worker in list(book.members):
        book.leave(worker)
    book.join(b"honest", "w", "p", 1, now)
    for _ in range(2 * added + 1):
        give()
        for batch in list(book.members[b"honest"].holds):
            assert book.answer(b"honest", batch, now)
            closed.append(batch)
    assert sorted(closed) == list(range(1, added + 1))


def test_work_goes_to_the_worker_with_most_credit_left() -> None:
    book = Assignments(silence_s=5.0)
    book.join(b"busy", "busy", "p", 2, 0.0)
    book.join(b"idle", "idle", "p", 3, 0.0)
    for batch in range(1, 8):
        book.add(batch)
    given_to = [worker for worker, _ in book.give(0.0)]
    assert sorted(given_to) == [b"busy"] * 2 + [b"idle"] * 3
    assert given_to[0] == b"idle"


def test_what_a_silent_worker_had_is_first_in_line() -> None:
    book = Assignments(silence_s=1.0)
    book.join(b"a", "a", "p", 2, 0.0)
    for batch in (1, 2, 3):
        book.add(batch)
    assert book.give(0.0) == [(b"a", 1), (b"a", 2)]
    assert list(book.expire(2.0)) == [b"a"]
    book.join(b"b", "b", "p", 9, 2.0)
    assert [batch for _, batch in book.give(2.0)] == [1, 2, 3]
    assert book.given_again == 2
    assert book.answer(b"a", 1, 2.0)  # the first answer counts, whoever gives it
    assert not book.answer(b"b", 1, 2.0)
    assert book.ignored_answers == 1


def test_a_late_batch_goes_to_a_quick_worker_too_and_is_closed_once() -> None:
    book = Assignments(silence_s=10.0, late_s=0.5)
    for name in ("cut", "near"):
        book.join(name.encode(), name, "p", 2, 0.0)
    for batch in (1, 2):
        book.add(batch)
    assert {batch: worker for worker, batch in book.give(0.0)} == {1: b"cut", 2: b"near"}
    assert book.answer(b"near", 2, 0.02)
    assert book.give(0.4) == []  # not late yet
    assert book.give(0.6) == [(b"near", 1)]
    assert book.give(0.7) == []  # two have it
    assert book.answer(b"near", 1, 0.72)
    assert not book.answer(b"cut", 1, 20.0)
    assert book.given_again == book.ignored_answers == 1


def test_a_batch_that_takes_every_worker_long_is_not_answered_twice() -> None:
    book = Assignments(silence_s=10.0, late_s=0.5)
    for name in ("a", "b"):
        book.join(name.encode(), name, "p", 2, 0.0)
    for batch in (1, 2):
        book.add(batch)
    book.give(0.0)
    assert book.answer(b"b", 2, 3.0)
    assert book.give(4.0) == []


def near_and_far(far_s: float) -> Assignments:
    """Two workers have answered a batch each, given at 0 s: `near` after 10 ms, `far` after so long."""
    book = Assignments(silence_s=10.0)
    for name in ("far", "near"):
        book.join(name.encode(), name, "p", 1, 0.0)
    for batch in (1, 2):
        book.add(batch)
    book.give(0.0)
    near = 1 if 1 in book.members[b"near"].holds else 2
    assert book.answer(b"near", near, 0.01)
    assert book.answer(b"far", 3 - near, far_s)
    return book


def test_a_slow_worker_gets_only_what_the_quickest_has_no_time_for() -> None:
    book = near_and_far(0.1)
    for batch in range(3, 9):
        book.add(batch)
    assert book.give(0.2) == [(b"near", 3)]  # five wait, which takes the quickest half as long as the slow one
    for batch in range(9, 14):
        book.add(batch)
    assert book.give(0.2) == [(b"far", 4)]


def test_a_slow_worker_is_tried_anew_after_a_while() -> None:
    book = near_and_far(1.0)
    book.add(3)
    book.add(4)
    assert book.give(1.1) == [(b"near", 3)]
    assert book.answer(b"near", 3, 5.9)
    assert [worker for worker, _ in book.give(6.1)] == [b"far"]
