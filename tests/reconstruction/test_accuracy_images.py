"""Figures of accuracy are only worth something if they compare a cell with its own truth, at its own place."""

import numpy as np
import pytest

from benchmarks.accuracy import HEAD, _summary, score
from benchmarks.agreement import moved_um
from benchmarks.isolated import alone, dimmed, isolated, noiseless, true_transmission, true_volume
from reconstruction.transform import transform_for
from simulator.presets import setup_preset


@pytest.fixture(scope="module")
def clean():
    setup = noiseless(alone(setup_preset("sheet-ci")))
    return setup, isolated(setup, 4, 3, kinds=("lymphocyte", "smooth"))


def test_every_event_is_paired_with_the_one_cell_in_its_window(clean):
    setup, cells = clean
    assert len(cells) >= 4
    per_um = setup.instrument.sample_rate_hz / (setup.instrument.flow_speed_m_s * 1e6)
    for cell in cells:
        assert abs(cell.event.trigger_tick - cell.arrival.tick) < 3.0 * per_um


def test_noiseless_cells_come_out_as_they_were(clean):
    setup, cells = clean
    transform = transform_for(setup.instrument)
    scores = [score(setup, transform, cell) for cell in cells]
    assert np.median([one.volume for one in scores if one.kind == "smooth"]) > 0.99
    assert np.median([one.volume for one in scores if one.kind == "lymphocyte"]) > 0.95
    assert all(one.speed_error < 0.01 for one in scores)
    assert 5 + len(_summary(scores)) == len(HEAD)


def test_another_cell_is_no_match(clean):
    setup, cells = clean
    own, other = (true_volume(setup, cell.arrival) for cell in cells[:2])
    assert np.corrcoef(own.ravel(), other.ravel())[0, 1] < 0.95


@pytest.mark.parametrize("shift_um", [(0.0, 0.0), (0.11, -0.3), (-0.62, 0.94)])
def test_the_way_that_an_image_was_moved_is_found(clean, shift_um):
    setup, cells = clean
    arrival = cells[0].arrival
    for truth, empty in ((true_volume, 0.0), (true_transmission, 1.0)):
        found = moved_um(truth(setup, arrival, shift_um), truth(setup, arrival), empty, setup.instrument.grid.pixel_um)
        assert found == pytest.approx(shift_um, abs=0.03)


def test_few_photoelectrons_have_their_noise(clean):
    _, cells = clean
    rng = np.random.Generator(np.random.PCG64(1))
    few = [dimmed(cells[0], 1, 20.0, rng).event.window[:, 1] / 100.0 for _ in range(40)]
    brightest = int(cells[0].event.window[:, 1].argmax())
    drawn = np.array([window[brightest] for window in few])
    assert drawn.mean() == pytest.approx(20.0, abs=4 * np.sqrt(24.0 / 40))
    assert 8.0 < drawn.var(ddof=1) < 60.0
