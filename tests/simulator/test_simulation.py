"""The simulator stands in for the instrument: reproducible, honest about its truth, and noisy as real detectors are."""

import numpy as np
import pytest

from acquisition.errors import ConfigError
from acquisition.presets import instrument_preset
from acquisition.source import blocks, open_source
from simulator.arrivals import arrivals
from simulator.cells.sample import parse_sample
from simulator.optics.brightfield import brightfield
from simulator.presets import preset_names, setup_preset


def read_all(url: str) -> tuple[np.ndarray, dict]:
    with open_source(url) as source:
        parts = [block.data for block in blocks(source)]
        return np.concatenate(parts), dict(source.truth())


@pytest.mark.parametrize("preset", ["sheet-ci", "stretch-ci"])
def test_the_seed_decides_every_sample_and_the_blocks_none(preset):
    url = f"sim:{preset}?seconds=0.02&rate=200&seed="
    samples, truth = read_all(url + "4")
    again, _ = read_all(url + "4&block_samples=777")
    other, _ = read_all(url + "5")
    np.testing.assert_array_equal(samples, again)
    assert not np.array_equal(samples, other)
    instrument = instrument_preset(preset)
    assert samples.shape == (round(0.02 * instrument.sample_rate_hz), len(instrument.channels))
    assert samples.dtype == instrument.digitizer.dtype
    assert len({len(column) for column in truth.values()}) == 1


def test_as_many_cells_come_as_were_asked_for_each_wholly_in_the_stream():
    samples, truth = read_all("sim:sheet-ci?cells=7&rate=100&seed=2")
    assert truth["cell"].tolist() == list(range(1, 8))
    last_passage = truth["tick"][-1] + (380 + 12) / (truth["speed_m_s"][-1] * 1e6) * 5e6
    assert samples.shape[0] > last_passage


def test_every_start_is_an_epoch_of_its_own_with_the_same_samples():
    with open_source("sim:sheet-ci?seconds=0.01&seed=3") as source:
        source.start()
        first = source.read()
        source.start()
        second = source.read()
    assert (first.epoch, second.epoch, second.first_sample) == (0, 1, 0)
    np.testing.assert_array_equal(first.data, second.data)


def test_cells_come_at_random_and_at_the_rate_asked_for():
    setup = setup_preset("sheet-ci")
    cells = []
    for arrival in arrivals(setup, parse_sample("lymphocyte"), seed=1):
        cells.append(arrival.tick)
        if len(cells) == 600:
            break
    gaps = np.diff(cells) / setup.instrument.sample_rate_hz
    assert gaps.mean() == pytest.approx(1 / 20, rel=0.15)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.15)


def test_nothing_in_the_light_leaves_the_picture_empty():
    nothing = brightfield(np.ones((96, 96), dtype=np.complex64), 488.0, 0.42, 1.335, 2.0, 0.25)
    np.testing.assert_allclose(nothing, 1.0, atol=1e-5)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sim:sheet-xx", "no simulator preset 'sheet-xx'; use one of"),
        ("sim:sheet-ci?sample=elephant", "no population 'elephant'"),
        ("sim:sheet-ci?sample=lymphocyte:0.4", "add up to 0.4"),
        ("sim:sheet-ci?sample=lymphocyte:-1", "must be above 0"),
        ("sim:sheet-ci?sample=lymphocyte:x", "not a number"),
        ("sim:sheet-ci?rate=-3", "rate must be a number above 0"),
        ("sim:sheet-ci?cells=2.5", "cells must be a whole number"),
        ("sim:sheet-ci?seconds=nan", "seconds must be a number above 0"),
        ("sim:sheet-ci?colour=red", "no option 'colour'"),
        ("sim:sheet-ci?speed=0", "speed '0' must be"),
        ("video:x", "no source of the kind 'video:'"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(url, sentence):
    with pytest.raises(ConfigError, match=sentence) as error:
        open_source(url)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_samples_can_be_mixed_by_name():
    assert sum(parse_sample("wbc:0.5,monocyte:0.5").shares.values()) == pytest.approx(1.0)
    assert parse_sample("wbc:0.5,monocyte:0.5").shares["monocyte"] == pytest.approx(0.54)
    assert {"sheet-ci", "stretch-ci"} <= set(preset_names())
