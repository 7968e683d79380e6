from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from acquisition.block import Block
from acquisition.detection import detector_for
from acquisition.source import blocks, open_source
from benchmarks.truth import correlation, ideal_images
from reconstruction.features.image import find_object, image_features
from reconstruction.images import Rejection
from reconstruction.settings import ImageSettings
from reconstruction.time_stretch.modes import LineMode
from reconstruction.transform import transform_for
from simulator.arrivals import arrivals
from simulator.cells.sample import parse_sample
from simulator.presets import setup_preset
from simulator.stream import Extent, SimulatedStream


@pytest.fixture(scope="module")
def cells():
    """Simulated: cells on the small time stretch, each with its event and what the optics show of it."""
    setup = setup_preset("stretch-ci").changed({"flow.cells_per_s": 100.0, "flow.speed_cv": 0.0})
    simulated = SimulatedStream(setup, parse_sample("wbc"), seed=11, extent=Extent(cells=10))
    samples = np.concatenate(list(simulated.frames()))
    detector = detector_for(setup.instrument)
    events = detector.push(Block(samples, 0)) + detector.flush()
    came = list(islice(arrivals(setup, parse_sample("wbc"), seed=11), 10))
    found = []
    for event in events:
        arrival = min(came, key=lambda one: abs(one.tick - event.trigger_tick))
        if not event.flags:
            found.append((event, ideal_images(setup, arrival, event.trigger_tick)["line"]))
    return setup.instrument, found


def scores(transform, events, truths):
    pictures = transform.images(events).images["line"]
    return [correlation(picture, truth) for picture, truth in zip(pictures, truths, strict=True)]


@pytest.mark.parametrize(
    "mode, least", [(LineMode.FULL, 0.97), (LineMode.SIMPLE, 0.92), (LineMode.LINE_INTERLEAVE, 0.85)]
)
def test_line_images_look_like_the_cells_that_were_there(cells, mode, least):
    instrument, found = cells
    transform = transform_for(instrument, ImageSettings(lines=mode))
    events, truths = zip(*found, strict=True)
    assert len(found) >= 5 and mode.value in transform.parameters
    assert np.median(scores(transform, events, truths)) > least


def with_lines(event, share, seed, change):
    """The event with `change` done to the counts `(n, 1)` of a share of its lines."""
    window, clock = event.window.astype(np.float64), event.clock
    lines = np.floor((event.window_tick + np.arange(window.shape[0]) - clock.origin_tick) / clock.period_ticks)
    struck = np.random.default_rng(seed).random(int(np.ptp(lines)) + 1) < share
    rows = struck[(lines - lines[0]).astype(int)]
    window[rows] = change(window[rows])
    return replace(event, window=np.clip(np.rint(window), -128, 127).astype(np.int8))


@pytest.mark.parametrize("change", [lambda counts: 0.0 * counts, lambda counts: counts + 50.0], ids=["no", "two"])
def test_lines_with_no_pulse_or_two_leave_no_mark(cells, change):
    instrument, found = cells
    struck = [with_lines(event, 0.08, k, change) for k, (event, _) in enumerate(found)]
    images = transform_for(instrument).images(struck)
    assert np.all((images.features["missing_lines_share"] > 0.02) & (images.features["missing_lines_share"] < 0.2))
    whole = transform_for(instrument).images([event for event, _ in found])
    assert images.rejection == whole.rejection
    assert np.abs(images.images["line"] - whole.images["line"]).max() < 0.15
    assert np.abs(images.images["line"] - whole.images["line"]).mean() < 0.004


def test_too_many_lines_without_a_pulse_are_no_image(cells):
    instrument, found = cells
    struck = [with_lines(event, 0.4, k, lambda counts: 0.0 * counts) for k, (event, _) in enumerate(found)]
    images = transform_for(instrument).images(struck)
    assert set(images.rejection) == {Rejection.INCOMPLETE}


def test_line_images_do_not_depend_on_the_cut(stretch):
    transform = transform_for(stretch.instrument)
    whole = transform.images(stretch.events())
    cuts = np.random.default_rng(1).integers(0, stretch.samples.shape[0], 30).tolist()
    again = transform.images(stretch.events(stretch.blocks(cuts)))
    np.testing.assert_array_equal(again.images["line"], whole.images["line"])
    assert np.isnan(whole.speed_error_m_s).all()


def test_the_real_droplet_is_one_round_dark_ring_with_a_bright_middle(atom_record):
    with open_source(f"atom:{atom_record}") as source:
        detector = detector_for(source.instrument)
        events = [event for block in blocks(source) for event in detector.push(block)] + detector.flush()
        transform = transform_for(source.instrument)
    images = transform.images(events)
    assert images.rejection == (Rejection.NONE,)
    picture = images.images["line"][0]
    assert 5.0 < images.features["diameter_um"][0] < 11.0
    assert images.features["axis_ratio"][0] < 1.3
    middle = picture[34:46, 34:46].mean()
    ring = picture[26, 36:44].mean()
    assert ring < 0.3 < middle
    assert picture[5:20, 10:70].mean() == pytest.approx(1.0, abs=0.08)


def test_the_measures_of_a_drawn_ellipse_come_out_right():
    rows, cols = np.mgrid[:80, :80]
    inside = ((rows - 45.0) / 20) ** 2 + ((cols - 36.0) / 10) ** 2 < 1
    image = np.where(inside, 0.8, 1.0).astype(np.float32)
    mask = find_object(image)
    features = image_features(image, mask, 0.25, "yx")
    assert features["area_um2"] == pytest.approx(np.pi * 20 * 10 * 0.25**2, rel=0.2)  # one pixel of smoothing
    assert features["axis_ratio"] == pytest.approx(2.0, rel=0.08)
    assert features["y_um"] == pytest.approx((45 - 39.5) * 0.25, abs=0.05)
    assert features["x_um"] == pytest.approx((36 - 39.5) * 0.25, abs=0.05)
    assert features["bright_avg"] == pytest.approx(0.82, abs=0.02)
    assert not mask.touches_edge


def test_an_empty_image_has_no_object_and_a_cut_one_touches_the_edge():
    noise = np.random.default_rng(0).normal(1.0, 0.01, (80, 80)).astype(np.float32)
    empty = find_object(noise)
    assert image_features(noise, empty, 0.25, "yx")["area_um2"] < 1.0
    cut = noise.copy()
    cut[30:50, :25] -= 0.4
    assert find_object(cut).touches_edge


@pytest.mark.parametrize("row, col", [(40.0, 40.0), (30.0, 42.0)])
def test_a_cell_that_fills_the_field_is_no_empty_image(row, col):
    rows, cols = np.mgrid[:80, :80]
    away = np.hypot(rows - row, cols - col)
    image = np.random.default_rng(2).normal(1.0, 0.01, (80, 80))
    image = np.where(away < 43, 0.4, image)
    image = np.where(away < 36, 0.8 + 0.1 * np.sin(rows / 3), image).astype(np.float32)
    mask = find_object(image)
    assert image_features(image, mask, 0.25, "zy")["area_um2"] > 0.7 * 400
    assert mask.touches_edge
