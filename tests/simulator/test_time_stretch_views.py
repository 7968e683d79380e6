"""Several views in one line, as detection and reconstruction meet them: each is an image, none disturbs another."""

import numpy as np
import pytest
from stretch_parts import Sphere, arrival_at, empty_light, quiet_setup

from acquisition.block import Block
from acquisition.detection import detector_for
from reconstruction.images import Rejection
from reconstruction.transform import transform_for
from simulator.optics.time_stretch import TimeStretchModel

PERIOD = 1024 / 3


@pytest.fixture(scope="module")
def multi_view():
    """Four spheres through all views of atom-4g, as 8-bit samples with noise."""
    setup = quiet_setup("atom-4g", laser__pulse_noise=0.01)
    model = TimeStretchModel(setup, seed=9)
    cells = [arrival_at(setup, (1300 + 700 * k) * PERIOD, Sphere(9.0, 0.03, 0.3)) for k in range(4)]
    light = empty_light(model, 0, round(4600 * PERIOD))
    for cell in cells:
        model.shadow(cell).lay(0, light)
    noise = np.random.default_rng(1).standard_normal(light.shape, dtype=np.float32)
    counts = np.rint(light * setup.detectors[0].counts_per_photoelectron + noise).clip(-128, 127).astype(np.int8)
    return model, cells, counts


def test_every_cell_is_found_once_in_spite_of_five_views(multi_view):
    model, cells, counts = multi_view
    detector = detector_for(model.setup.instrument)
    events = detector.push(Block(counts, 0)) + detector.flush()
    assert [round(event.trigger_tick / PERIOD / 10) for event in events] == [
        round(cell.tick / PERIOD / 10) for cell in cells
    ]
    # The clock's phase one half is the middle of the first view, so that x counts from there.
    event = events[0]
    starts = model.lines(int(event.clock.origin_tick), 1000).starts
    middle = starts + model.views.centres[0] - event.clock.origin_tick
    phase = middle / event.clock.period_ticks % 1.0
    np.testing.assert_allclose(phase, 0.5, atol=1.0 / PERIOD)


def test_every_view_is_an_image_of_what_it_shows(multi_view):
    model, cells, counts = multi_view
    instrument = model.setup.instrument
    detector = detector_for(instrument)
    events = detector.push(Block(counts, 0)) + detector.flush()
    images = transform_for(instrument).images(events)
    assert images.rejection == (Rejection.NONE,) * 4
    assert list(images.images) == [view.name for view in instrument.time_stretch.views]
    ideal = model.shadow(cells[0]).ideal()
    for name, pictures in images.images.items():
        truth = ideal[name].image[16:-16, 16:-16]
        for picture in pictures:
            assert np.corrcoef(picture.ravel(), truth.ravel())[0, 1] > 0.85, name
        assert np.median(pictures) == pytest.approx(1.0, abs=0.02)
    np.testing.assert_allclose(images.features["diameter_um"], 9.0, rtol=0.2)
