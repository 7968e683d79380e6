"""Nothing is lost without a count: the books balance at every moment, from any thread."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquisition.block import UNKNOWN_LOSS
from acquisition.counts_file import CountsFile, read_counts
from service.run import DropReason, Ledger
from service.runs.ledger import LedgerBook
from service.store.ledger_tally import LedgerTally, noted

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


def test_what_no_file_says_of_a_ledger_outlives_the_service(tmp_path: Path) -> None:
    book = LedgerBook()
    book.kept_in(LedgerTally(tmp_path))
    book.samples(1000, lost=7)
    book.detected(20)
    saved = book.snapshot()
    book.samples(500, lost=UNKNOWN_LOSS)
    book.detected(10)
    book.stored(12)
    book.dropped(DropReason.QUEUE_FULL, 3)
    found = noted(saved, tmp_path)
    assert found.model_dump() == book.snapshot().model_copy(update={"stored": 0, "in_flight": 27}).model_dump()
    # A computer that goes down may take the newest pages of the tally with it, but not what was saved.
    later = saved.model_copy(update={"detected": 40, "in_flight": 40})
    assert noted(later, tmp_path).detected == 40
    book.close(keep=False)
    assert noted(saved, tmp_path) == saved and not list(tmp_path.iterdir())


@pytest.mark.parametrize("written", range(0, 41))
def test_a_kill_while_counts_are_written_leaves_those_before_or_after(tmp_path: Path, written: int) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    CountsFile(before, 2).close(keep=True)
    file = CountsFile(after, 2)
    file.note(0x1FF, 1 << 60)
    file.close(keep=True)
    torn = after.read_bytes()[:written] + before.read_bytes()[written:]
    before.write_bytes(torn)
    assert read_counts(before, 2) == ((0, 0) if written < 20 else (0x1FF, 1 << 60))


def test_a_ledger_without_a_tally_is_as_it_was_saved(tmp_path: Path) -> None:
    saved = Ledger(detected=3, in_flight=3)
    assert noted(saved, tmp_path) == saved
    (tmp_path / "ledger.tally").write_bytes(b"cut")
    assert noted(saved, tmp_path) == saved
