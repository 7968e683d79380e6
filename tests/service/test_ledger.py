"""Nothing is lost without a count: the books balance at every moment, from any thread."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquisition.block import UNKNOWN_LOSS
from service.runs.ledger import LedgerBook

STEPS = st.lists(st.tuples(st.sampled_from(["detected", "stored", "rejected", "dropped"]), st.integers(0, 20)))


@given(STEPS)
def test_any_order_of_hand_overs_balances_and_none_settles_what_is_not_there(steps: list[tuple[str, int]]) -> None:
    book, in_flight = LedgerBook(), 0
    for step, count in steps:
        if step == "detected":
            book.detected(count)
            in_flight += count
            continue
        settle = {
            "stored": lambda n: book.stored(n),
            "rejected": lambda n: book.rejected({"overlap": n}),
            "dropped": lambda n: book.dropped("queue_full", n),
        }[step]
        if count > in_flight:
            with pytest.raises(ValueError, match="in flight"):
                settle(count)
        else:
            settle(count)
            in_flight -= count
        assert book.snapshot().in_flight == in_flight  # the snapshot itself refuses to exist unbalanced
    assert book.drop_rest("failed") == in_flight
    assert book.snapshot().in_flight == 0


def test_snapshots_balance_while_threads_write() -> None:
    book, stop = LedgerBook(), threading.Event()

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(300):
            count = rng.randint(1, 5)
            book.detected(count)
            rng.choice([book.stored, lambda n: book.dropped("storage", n), lambda n: book.rejected({"gap": n})])(count)
        stop.set()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    while not stop.is_set():
        book.snapshot()
    for thread in threads:
        thread.join()
    assert book.snapshot().in_flight == 0


def test_rows_that_could_not_be_sealed_are_lost_not_stored() -> None:
    book = LedgerBook()
    book.detected(10)
    book.stored(6)
    book.rejected({"overlap": 3, "gap": 1})
    book.lost_after_storing("storage", 2, {"overlap": 3})
    ledger = book.snapshot()
    assert (ledger.stored, ledger.rejected, ledger.dropped) == (4, {"gap": 1}, {"storage": 5})


def test_losses_of_unknown_size_are_counted_apart() -> None:
    book = LedgerBook()
    book.samples(100, 7)
    book.samples(50, UNKNOWN_LOSS)
    ledger = book.snapshot()
    assert (ledger.samples, ledger.samples_lost, ledger.losses_of_unknown_size) == (150, 7, 1)
