"""The offline image explains every sample that holds a measurement, and beats the streaming one against truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from acquisition.block import Block
from acquisition.detection import detector_for
from acquisition.event import BINS_PER_TICK, Background, ClockState, Event
from acquisition.instrument import Instrument
from acquisition.presets import instrument_preset
from benchmarks.truth import correlation, ideal_images
from reconstruction.batch import blank_event
from reconstruction.time_stretch.masked_warp import masked_warp
from reconstruction.time_stretch.views import views_of
from reconstruction.time_stretch.warp_kernels import Seen, lay_back, least_variation, look_up
from reconstruction.transform import transform_for
from simulator.arrivals import arrivals
from simulator.cells.sample import parse_sample
from simulator.presets import setup_preset
from simulator.stream import Extent, SimulatedStream


def places(n: int, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    row, col = rng.uniform(0, size - 1, (2, n)).astype(np.float32)
    row[:2], col[:2] = (0.0, size - 1.0), (size - 1.0, 0.0)
    return row, col


def test_looking_up_and_laying_back_are_adjoint_to_each_other() -> None:
    rng = np.random.default_rng(1)
    row, col = places(500, 17)
    image = rng.standard_normal((17, 17)).astype(np.float32)
    values = rng.standard_normal(500).astype(np.float32)
    looked, laid = np.empty(500, np.float32), np.empty((17, 17), np.float32)
    look_up(image, row, col, looked)
    lay_back(values, row, col, laid)
    assert np.vdot(looked, values) == pytest.approx(np.vdot(image, laid), rel=1e-5, abs=1e-4)


def test_looking_up_is_exact_on_planes() -> None:
    row, col = places(300, 12)
    y, x = np.mgrid[:12, :12].astype(np.float32)
    looked = np.empty(300, np.float32)
    look_up((2 + 0.3 * y - 0.1 * x).astype(np.float32), row, col, looked)
    np.testing.assert_allclose(looked, 2 + 0.3 * row - 0.1 * col, atol=1e-5)


def smallest(seen: Seen, mu: float) -> np.ndarray:
    image = np.zeros((8, 8), np.float32)
    least_variation(seen, mu, 20_000, 1e-7, image)
    return image


def test_the_minimum_is_what_was_measured_where_variation_is_free_and_the_mean_where_it_is_dear() -> None:
    y, x = np.mgrid[:8, :8].reshape(2, -1).astype(np.float32)
    rng = np.random.default_rng(2)
    value, trust = rng.random(64, np.float32), 0.2 + rng.random(64, np.float32)
    seen = Seen(y, x, value, trust)
    np.testing.assert_allclose(smallest(seen, 1e-7).ravel(), value, atol=1e-4)
    np.testing.assert_allclose(smallest(seen, 100.0), np.average(value, weights=trust), atol=1e-3)


def test_a_step_loses_the_height_that_theory_says() -> None:
    # Total variation takes mu / (2 x columns) from each side of a step along x (Strong and Chan, 2003).
    y, x = np.mgrid[:8, :8].reshape(2, -1).astype(np.float32)
    seen = Seen(y, x, (x >= 4).astype(np.float32), np.ones(64, np.float32))
    image = smallest(seen, 0.4)
    np.testing.assert_allclose(image[:, :4], 0.4 / 8, atol=2e-4)
    np.testing.assert_allclose(image[:, 4:], 1 - 0.4 / 8, atol=2e-4)


def disc(instrument: Instrument, brightest: float = 105.0, noise: float = 0.3, seed: int = 0) -> Event:
    """A dim disc of 4 um radius at (1, -1) um in an uneven line, with offsets, unequal pulses and a lifted baseline."""
    rng = np.random.default_rng(seed)
    blank = blank_event(instrument, instrument.sample_rate_hz / instrument.time_stretch.line_rate_hz)
    period, lines = blank.clock.period_ticks, 260
    ticks = np.arange(round(lines * period))
    turns = ticks / period
    line, inside = np.floor(turns).astype(int), (turns - np.floor(turns)) * period
    bins = (np.arange(int(period + 2) * BINS_PER_TICK) + 0.5) / BINS_PER_TICK

    def light(place: np.ndarray) -> np.ndarray:
        return np.where(
            np.abs(place - period / 2) < 40, brightest * (0.75 + 0.25 * np.cos((place - period / 2) / 9)), 0.0
        )

    offsets = np.array([1.0, -2.0, 0.5, 0.5], np.float32)
    trigger = lines * period / 2
    y = (ticks - trigger) * instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
    x = (inside - period / 2) * instrument.time_stretch.um_per_sample
    shade = np.where(np.hypot(y - 1, x + 1) < 4, 0.5, 1.0)
    pulses, lifts = 1 + 0.02 * rng.standard_normal(lines + 1), 2 * np.sin(np.arange(lines + 1) / 20)
    counts = light(inside) * shade * pulses[line] + lifts[line] + offsets[ticks % 4]
    counts += noise * rng.standard_normal(ticks.size)
    level = np.minimum(light(bins), 127).astype(np.float32)[None]
    return replace(
        blank,
        trigger_tick=trigger,
        window=np.rint(counts).clip(-128, 127).astype(np.int8)[:, None],
        clock=ClockState(period, 0.0),
        background=Background(level, np.array([noise], np.float32), offsets[None]),
    )


def drawn(instrument: Instrument) -> np.ndarray:
    n, pixel_um = instrument.grid.size_px, instrument.grid.pixel_um
    y, x = (np.mgrid[:n, :n] - (n / 2 - 0.5)) * pixel_um
    return np.where(np.hypot(-y - 1, x + 1) < 4, 0.5, 1.0)


@pytest.mark.parametrize("brightest", [105.0, 129.0])
def test_a_disc_is_where_and_what_it_was_though_pulses_differ_and_samples_are_clipped(brightest: float) -> None:
    instrument = instrument_preset("stretch-ci")
    true = drawn(instrument)
    event = disc(instrument, brightest)
    image = masked_warp(event, instrument, views_of(instrument)[0])
    # Away from its rim, which is as sharp as no optics make it, the image is the disc, in height as well.
    y, x = (np.mgrid[: true.shape[0], : true.shape[1]] - (true.shape[0] / 2 - 0.5)) * instrument.grid.pixel_um
    away = np.abs(np.hypot(-y - 1, x + 1) - 4) > 0.6
    assert np.abs(image - true)[away].max() < 0.1
    assert np.abs(image - true)[away].mean() < 0.002
    assert correlation(image, true) > 0.98


def test_lines_without_a_pulse_are_left_out() -> None:
    instrument = instrument_preset("stretch-ci")
    event = disc(instrument)
    whole = masked_warp(event, instrument, views_of(instrument)[0])
    line = np.floor(np.arange(event.window.shape[0]) / event.clock.period_ticks)
    dark = np.where(np.isin(line, (60, 128, 129, 200))[:, None], np.int8(0), event.window)
    image = masked_warp(replace(event, window=dark), instrument, views_of(instrument)[0])
    assert np.abs(image - whole).mean() < 0.002
    assert correlation(image, drawn(instrument)) > 0.98


def test_an_empty_window_is_an_empty_image() -> None:
    instrument = instrument_preset("stretch-ci")
    event = disc(instrument)
    nothing = replace(event, window=event.window[:0])
    saturated = replace(event, window=np.full_like(event.window, 127))
    for one in (nothing, saturated):
        assert np.all(masked_warp(one, instrument, views_of(instrument)[0]) == 1.0)


def test_simulated_cells_come_nearer_to_the_truth_than_in_streaming_images() -> None:
    setup = setup_preset("stretch-ci").changed({"flow.speed_cv": 0.0, "flow.cells_per_s": 300.0})
    sample, seed = parse_sample("wbc"), 23
    detector, events, tick = detector_for(setup.instrument), [], 0
    for frame in SimulatedStream(setup, sample, seed, Extent(cells=8)).frames():
        events += detector.push(Block(frame, tick))
        tick += frame.shape[0]
    images = transform_for(setup.instrument).images(events + detector.flush())
    by_id = {event.event_id: event for event in events}
    came = [next(cells) for cells in [arrivals(setup, sample, seed)] for _ in range(8)]
    streaming, offline = [], []
    for k in np.flatnonzero(images.is_cell):
        event = by_id[int(images.event_id[k])]
        arrival = min(came, key=lambda one: abs(one.tick - event.trigger_tick))
        true = ideal_images(setup, arrival, event.trigger_tick)["line"]
        streaming.append(correlation(images.images["line"][k], true))
        found = masked_warp(event, setup.instrument, views_of(setup.instrument)[0])
        offline.append(correlation(found, true))
    assert len(offline) >= 4
    assert np.median(offline) > 0.985
    assert np.median(offline) > np.median(streaming)
