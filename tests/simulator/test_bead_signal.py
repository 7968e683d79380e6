"""A bead's samples, added up and calibrated by geometry alone, give the cross-section of Mie's theory."""

import pytest

pytest.importorskip("miepython", reason="miepython is in the extra 'mie'")

from benchmarks.bead_signal import figures


def test_the_signal_of_beads_is_that_of_mie_theory_within_five_per_cent():
    for kind, _, median, _ in figures(beads=2):
        assert float(median) == pytest.approx(1.0, abs=0.05), kind
