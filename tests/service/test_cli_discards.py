"""Who runs an acquisition must see which reason costs how many of the events."""

from service.cli.acquire import discards
from service.run import Ledger


def test_reasons_are_told_as_shares_of_what_was_detected_most_first():
    ledger = Ledger(detected=200, stored=150, rejected={"speed": 10, "overlap": 39, "gap": 0}, dropped={"storage": 1})
    assert discards(ledger) == "overlap 39 (19.5%), speed 10 (5.0%), dropped: storage 1 (0.5%)"


def test_a_run_that_kept_everything_has_nothing_to_tell():
    assert discards(Ledger()) == ""
