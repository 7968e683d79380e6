"""Images of the real droplet are clean of what lines do to images, and sharper than whole samples allow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.atom_figures import Folded, real_record
from benchmarks.atom_images import RESHAPED, Judge, droplet, images, light_drift

WHOLE = "line by line from the nearest sample"


@pytest.fixture(scope="module")
def made(atom_record: Path) -> tuple[Judge, dict[str, np.ndarray]]:
    instrument, event = droplet(atom_record)
    found = images(instrument, event)
    return Judge(instrument, event, found["masked warp"]), found


def test_the_record_folds_to_its_published_figures(atom_record: Path) -> None:
    found = Folded(real_record(atom_record)).figures()
    assert found["samples per line"] == pytest.approx(275.5195, abs=1e-3)
    assert 20 <= found["active window above 5 %, samples"] <= 21
    assert found["clipped, % of all samples"] == pytest.approx(0.24, abs=0.01)
    offsets = np.array([found[f"offset of core {core}, LSB"] for core in range(4)])
    published = np.array([0.06, -2.38, -0.34, -2.70])
    assert np.abs(offsets - offsets.mean() - (published - published.mean())).max() < 0.1


def test_whole_samples_shear_the_record_and_true_phases_do_not(
    atom_record: Path, made: tuple[Judge, dict[str, np.ndarray]]
) -> None:
    judge, found = made
    assert light_drift(*droplet(atom_record)) > 25
    for name in found.keys() - {RESHAPED}:
        assert abs(judge.shear(found[name])) < 0.03


def test_the_offline_image_is_free_of_stripes_and_of_the_converters_pattern(
    made: tuple[Judge, dict[str, np.ndarray]],
) -> None:
    judge, found = made
    offline, streaming = (found[name][np.ix_(judge.empty, judge.lit)] for name in ("masked warp", "streaming, full"))
    for axis in (0, 1):
        assert offline.mean(axis=axis).std() < 0.006
        assert offline.mean(axis=axis).std() < 0.5 * streaming.mean(axis=axis).std()
    # Cores differ by 4 counts of 127; a thousandth of the background is left, which is what grain is nearby.
    pattern, around = judge.interleave(found["masked warp"])
    assert pattern < 0.15 and pattern < 4 * around


def test_the_droplets_edge_is_sharper_than_whole_samples_show_it(made: tuple[Judge, dict[str, np.ndarray]]) -> None:
    judge, found = made
    widths = {name: judge.edge(image, across=True) for name, image in found.items() if name != RESHAPED}
    assert widths["streaming, full"] < 0.85 * widths[WHOLE]
    assert widths["masked warp"] < 0.6 * widths[WHOLE]
    assert judge.edge(found["masked warp"], across=False) < judge.edge(found[WHOLE], across=False)
