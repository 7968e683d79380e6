"""The images must show the cells that were there: simulated truth, and every cut of the stream."""

from itertools import islice

import numpy as np
import pytest

from acquisition.event import EventFlag
from reconstruction.errors import ReconstructionError
from reconstruction.images import CellImages, Pixels, Rejection
from reconstruction.speed import SpeedSource
from reconstruction.transform import transform_for
from simulator.arrivals import arrivals
from simulator.cells.sample import parse_sample
from simulator.optics.light_sheet import GRID_PX, PIXEL_UM, LightSheetModel
from simulator.optics.scattering import blurred_scatter
from simulator.presets import setup_preset


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.fixture(scope="module")
def clean(sheet):
    """Events of cells that nothing speaks against, with the arrivals they come from."""
    setup = setup_preset("sheet-ci")
    cells = list(islice(arrivals(setup.changed({"flow.cells_per_s": 30.0}), parse_sample("wbc"), seed=5), 24))
    pairs = []
    for event in sheet.events():
        arrival = min(cells, key=lambda a: abs(a.tick - event.trigger_tick))
        if not event.flags:
            pairs.append((event, arrival))
    assert len(pairs) >= 5
    return pairs


def test_transmission_images_look_like_the_cells_that_were_there(sheet, clean):
    images = transform_for(sheet.instrument).images([event for event, _ in clean])
    model = LightSheetModel(setup_preset("sheet-ci"), seed=5)
    scores = []
    for image, (_, arrival) in zip(images.images["transmission"], clean, strict=True):
        edge = (GRID_PX - image.shape[0]) // 2
        scores.append(correlation(image, model.transmission(arrival)[edge:-edge, edge:-edge]))
    # One scan a micrometre limits this instrument; the finer presets are held to more.
    assert np.median(scores) > 0.78, scores
    assert all(reason is Rejection.NONE for reason in images.rejection)


def test_volumes_look_like_the_cells_that_were_there(sheet, clean):
    images = transform_for(sheet.instrument).images([event for event, _ in clean], ["side_scatter"])
    grid = sheet.instrument.grid
    x_um = ((np.arange(grid.size_px) + 0.5 - grid.size_px / 2) * grid.pixel_um).astype(np.float32)
    scores = []
    for volume, (_, arrival) in zip(images.images["side_scatter"], clean, strict=True):
        place = np.array([arrival.z_um, 0.0, arrival.x_um, 0.0], dtype=np.float32)
        ideal = blurred_scatter(
            arrival.specimen.scatterers + place, x_um, sheet.instrument.optics, grid.size_px, PIXEL_UM
        )
        scores.append(correlation(volume, ideal.transpose(1, 2, 0)))
    # Neutrophils come out at 0.98; lymphocytes and monocytes, most of this stretch, are dim and photons limit them.
    assert np.median(scores) > 0.90, scores
    assert images.images["side_scatter"].shape == (len(clean), 80, 80, 80)


def test_flat_side_light_is_what_all_pinholes_saw_and_lies_over_the_transmission(sheet, clean):
    transform, n = transform_for(sheet.instrument), sheet.instrument.grid.size_px
    assert transform.channels == ("transmission", "side_scatter_flat", "side_scatter")
    assert transform.live_channels == ("transmission",)
    events, model = [event for event, _ in clean], LightSheetModel(setup_preset("sheet-ci"), seed=5)
    flat = transform.images(events, ["transmission", "side_scatter_flat"]).images["side_scatter_flat"]
    assert np.median(flat[:, :8, :8]) == pytest.approx(1, abs=2), "an empty pixel is 1"
    counts = (flat - 1) * np.abs(flat - 1)
    for light, (_, arrival) in zip(counts, clean, strict=True):
        ideal = model.shadow(arrival).ideal()["side_scatter"].image
        edge = (ideal.shape[0] - n) // 2
        seen = ideal[edge : edge + n, edge : edge + n] if edge >= 0 else np.pad(ideal, -edge)
        assert correlation(light, seen) > 0.9
    both = transform.images(events[:2], ["side_scatter_flat", "side_scatter"])
    np.testing.assert_array_equal(both.images["side_scatter_flat"], flat[:2])
    # Voxels are a quarter of the pinholes' pitch: the sums differ by the four voxels that share a plane's light.
    summed = both.images["side_scatter"].sum(axis=(1, 2, 3)) / 4
    np.testing.assert_allclose(counts[:2].sum(axis=(1, 2)), summed, rtol=0.05)


def test_the_speed_of_each_cell_is_measured_with_an_honest_error(sheet, clean):
    images = transform_for(sheet.instrument).images([event for event, _ in clean])
    true = np.array([arrival.speed_m_s for _, arrival in clean])
    error = images.speed_m_s - true
    assert np.median(np.abs(error / true)) < 0.003
    assert np.all(np.abs(error) < 5 * images.speed_error_m_s)
    assert set(images.speed_source) == {SpeedSource.COMB}


def test_size_follows_the_true_size(sheet, clean):
    images = transform_for(sheet.instrument).images([event for event, _ in clean])
    true = np.array([arrival.specimen.diameter_um for _, arrival in clean])
    assert correlation(images.features["diameter_um"], true) > 0.9


def test_images_are_the_same_for_any_cut_and_any_batch(sheet):
    rng = np.random.default_rng(7)
    transform = transform_for(sheet.instrument)
    whole = transform.images(sheet.events(), transform.channels)
    cuts = rng.integers(0, sheet.samples.shape[0], 40).tolist()
    pieces = [transform.images([event], transform.channels) for event in sheet.events(sheet.blocks(cuts))]
    joined = CellImages.concatenate(pieces)
    for name in transform.channels:
        np.testing.assert_array_equal(joined.images[name], whole.images[name])
    np.testing.assert_array_equal(joined.speed_m_s, whole.speed_m_s)
    for name, column in whole.features.items():
        np.testing.assert_array_equal(joined.features[name], column)
    some = whole.take(np.array([2, 0]))
    assert some.event_id.tolist() == [3, 1]
    assert len(some) == 2


def test_overlapping_cells_are_rejected_by_name_and_never_silently_imaged(sheet):
    events = sheet.events()
    images = transform_for(sheet.instrument).images(events)
    for event, reason, cell in zip(events, images.rejection, images.is_cell, strict=True):
        if event.flags & EventFlag.OVERLAP:
            assert reason in (Rejection.OVERLAP, Rejection.TRUNCATED, Rejection.LONG, Rejection.CLIPPED)
            assert not cell


def test_an_unknown_channel_is_refused_in_one_sentence(sheet):
    with pytest.raises(ReconstructionError, match="no images of the channel 'green'; use one of transmission"):
        transform_for(sheet.instrument).images([], ["green"])


def test_no_events_make_an_empty_batch(sheet):
    images = transform_for(sheet.instrument).images([])
    assert len(images) == 0
    assert images.images["transmission"].shape == (0, 80, 80)


def test_warming_up_compiles_without_a_stream(sheet, stretch):
    for stream in (sheet, stretch):
        transform = transform_for(stream.instrument)
        transform.warm()
        assert transform.parameters.startswith(f"image-{stream.instrument.kind}:")


def test_cells_come_first_if_asked_and_lie_in_one_piece(sheet):
    transform, events = transform_for(sheet.instrument), sheet.events()
    usual = transform.images(events, transform.channels)
    cells = usual.is_cell
    assert 0 < cells.sum() < len(events)
    sorted_ = transform.images(events, transform.channels, cells_first=True)
    order = np.concatenate([np.flatnonzero(cells), np.flatnonzero(~cells)])
    assert sorted_.event_id.tolist() == usual.event_id[order].tolist()
    assert sorted_.rejection == tuple(usual.rejection[i] for i in order)
    first = sorted_.take(sorted_.is_cell)
    for name in transform.channels:
        assert np.shares_memory(first.images[name], sorted_.images[name])
        np.testing.assert_array_equal(first.images[name], usual.images[name][cells])
    rest = sorted_.take(~sorted_.is_cell)
    np.testing.assert_array_equal(rest.images["transmission"], usual.images["transmission"][~cells])
    assert not rest.images["side_scatter"].any()
    assert np.isnan(rest.images["side_scatter_flat"]).all(), "nobody is told that a cell without an image is dark"


def test_images_are_whole_counts_if_asked(sheet, stretch):
    for stream in (sheet, stretch):
        transform, events = transform_for(stream.instrument), stream.events()
        exact = transform.images(events, transform.channels)
        counted = transform.images(events, transform.channels, pixels=Pixels.UINT16)
        for name in transform.channels:
            unit = transform.units[name].per_count
            assert counted.images[name].dtype == np.uint16
            limits = np.clip(exact.images[name] / unit, 0, 65535)
            np.testing.assert_allclose(counted.images[name], limits, rtol=1e-6, atol=0.51)
        assert counted.rejection == exact.rejection
        first = transform.images(events, transform.channels, cells_first=True, pixels=Pixels.UINT16)
        for name in transform.channels:
            np.testing.assert_array_equal(first.take(first.is_cell).images[name], counted.images[name][exact.is_cell])
