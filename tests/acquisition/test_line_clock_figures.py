"""What the benchmark of the line clock says in full, on a short stretch: lines are followed, and are found again."""

from __future__ import annotations

from benchmarks.line_clock import MOST_LINES, PHASE_FOUND, drifting, follow, recoveries
from simulator.presets import setup_preset


def test_a_clock_that_drifts_is_followed_to_a_thousandth_of_a_sample() -> None:
    followed = follow(drifting(), lines=30_000, seed=7)
    assert followed.lines >= 30_000
    assert followed.worst_period < 1e-3
    assert followed.worst_slip < 0.1
    assert followed.locked_share == 1.0


def test_lines_are_found_again_behind_gaps_of_unknown_length() -> None:
    found = recoveries(setup_preset("stretch-ci"), gaps=6, seed=8)
    assert len(found) == 6
    for lines, error in found:
        assert lines < 1000 < MOST_LINES
        assert error < PHASE_FOUND
