"""Real pulses of beads keep their area, their doublets are found, and real noise is not taken for pulses."""

from __future__ import annotations

import numpy as np
import pytest
from trace_samples import REAL_DATA

from acquisition.log_codes import four_decades, sixteen_decades
from benchmarks import bead_pulses

needs_record = pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason="the folder shared/data with the real records is not beside this checkout"
)


@needs_record
def test_every_bead_has_one_pulse_whose_area_spreads_as_the_beads_do() -> None:
    found = bead_pulses.beads()
    assert len(found.areas) == 535
    assert found.area_cv == pytest.approx(2.0, abs=0.3)


@needs_record
@pytest.mark.parametrize("valley", [0.02, 0.1, 0.2])
def test_the_doublets_seen_by_eye_are_found_and_no_others(valley: float) -> None:
    assert bead_pulses.beads(valley).doublets == bead_pulses.SEEN_BY_EYE


@needs_record
def test_pairs_without_a_valley_are_wide_for_their_height() -> None:
    assert bead_pulses.beads().wide == bead_pulses.SEEN_BY_EYE | bead_pulses.SHOULDERS


@needs_record
def test_noise_triggers_less_than_once_in_ten_thousand_windows() -> None:
    pulses, _, windows = bead_pulses.noise_triggers()
    assert windows == 65_535 * 9 // 28
    assert pulses / windows < 1e-4


def test_the_upper_bound_is_the_rule_of_three_where_nothing_was_found() -> None:
    assert bead_pulses.upper_bound(0, 10_000) == pytest.approx(2.9957 / 10_000, rel=1e-3)
    assert bead_pulses.upper_bound(1, 1) == pytest.approx(4.744, rel=1e-3)


def test_scales_rise_over_their_whole_range() -> None:
    old, new = four_decades(), sixteen_decades()
    assert old[[0, 255]].tolist() == pytest.approx([0.5, 5000.0])
    assert new[:64].tolist() == pytest.approx((0.125 * np.arange(64)).tolist())
    assert new[[64, 80, 160, 208, 255]].tolist() == pytest.approx([8.25, 16.5, 528.0, 2112.0, 8128.0])
    assert (np.diff(old) > 0).all()
    assert (np.diff(new) > 0).all()
