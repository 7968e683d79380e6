"""A sample is written in one line, and what is wrong with it is said in one sentence."""

from collections import Counter

import numpy as np
import pytest

from acquisition.errors import ConfigError
from simulator.cells.drawing import draw_specimen
from simulator.cells.joined import CONTACT, Joined
from simulator.cells.levels import ImageLevel
from simulator.cells.sample import parse_sample, sample_names
from simulator.cells.specimen import View
from simulator.randomness import Purpose, random_stream


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("lymphocyte", {"lymphocyte": 1.0}),
        (
            " wbc : 0.5 , monocyte : 0.5 ",
            {"neutrophil": 0.285, "eosinophil": 0.015, "lymphocyte": 0.16, "monocyte": 0.54},
        ),
        ("skno1:0.03,lymphocyte:0.97", {"skno1": 0.03, "lymphocyte": 0.97}),
        ("hek-gr", {"hek-gr-untreated": 0.5, "hek-gr-dex": 0.5}),
        ("hek-gr:dex=0.25", {"hek-gr-untreated": 0.75, "hek-gr-dex": 0.25}),
        ("hek-gr:0.2:dex=1,hek293t:0.8", {"hek-gr-dex": 0.2, "hek293t": 0.8}),
        ("hek-gr:dex=0:1.0", {"hek-gr-untreated": 1.0}),
        ("mcf7:0.4999,mda-mb-231:0.4998", {"mcf7": 0.50005, "mda-mb-231": 0.49995}),
    ],
)
def test_a_sample_is_read_as_written(text, shares):
    sample = parse_sample(text)
    assert dict(sample.shares) == pytest.approx(shares, abs=1e-6)
    assert sum(sample.shares.values()) == pytest.approx(1.0)
    assert sample.kinds == tuple(sample.shares)
    assert set(sample.kinds) == set(shares)
    assert (sample.description, sample.semi_real, sample.level) == (text, False, ImageLevel.L0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("elephant", "no population 'elephant'; use one of wbc, pbmc, hek-gr, lymphocyte"),
        ("", "no population ''"),
        ("wbc:0.5,", "no population ''"),
        ("lymphocyte:0", "must be above 0, not 0"),
        ("lymphocyte:-1", "must be above 0, not -1"),
        ("lymphocyte:nan", "is not a number"),
        ("lymphocyte:inf", "is not a number"),
        ("lymphocyte:x", "is not a number"),
        ("lymphocyte:0.4", "add up to 0.4; make them add up to 1"),
        ("wbc,skno1", "add up to 2; make them add up to 1"),
        ("wbc:0.5:0.5", "more than one share"),
        ("wbc:dex=0.5", "'wbc' has no option 'dex'; leave it out"),
        ("hek-gr:dux=0.5", "'hek-gr' has no option 'dux'; use dex"),
        ("hek-gr:dex=1.5", "share from 0 to 1, not 1.5"),
        ("hek-gr:dex=-0.1", "share from 0 to 1, not -0.1"),
        ("hek-gr:dex=much", "dex=much of 'hek-gr' in the sample is not a number"),
        ("hek-gr:dex=1:dex=0", "stands there twice"),
    ],
)
def test_a_bad_sample_is_refused_in_one_sentence(text, sentence):
    with pytest.raises(ConfigError, match=sentence) as error:
        parse_sample(text)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", sample_names())
def test_every_name_that_is_offered_can_be_drawn(name):
    sample = parse_sample(name)
    assert sample.draw(random_stream(1, Purpose.CELLS, 1)).kind in sample.kinds


def test_populations_come_in_their_shares_and_the_same_for_the_same_seed():
    sample = parse_sample("wbc")
    kinds = [sample.draw(random_stream(6, Purpose.CELLS, k)).kind for k in range(400)]
    assert kinds[:40] == [sample.draw(random_stream(6, Purpose.CELLS, k)).kind for k in range(40)]
    counts = Counter(kinds)
    for kind, share in sample.shares.items():
        assert counts[kind] == pytest.approx(400 * share, abs=3.5 * np.sqrt(400 * share * (1 - share)))


def joined(k: int = 0) -> Joined:
    rng = random_stream(8, Purpose.CELLS, k)
    return Joined.touching(draw_specimen("lymphocyte", rng), draw_specimen("hek-gr-dex", rng), rng)


def test_a_doublet_is_two_specimens_that_touch():
    for k in range(10):
        pair = joined(k)
        distance = np.linalg.norm(pair.first_um - pair.second_um)
        assert distance == pytest.approx(CONTACT * (pair.first.diameter_um + pair.second.diameter_um) / 2, rel=1e-5)
        assert (pair.kind, pair.is_cell) == ("doublet", True)
        assert pair.diameter_um == pytest.approx(pair.first.diameter_um + pair.second.diameter_um)
        # Both reach about as far from the middle: nothing lies outside of the diameter.
        for part, place in ((pair.first, pair.first_um), (pair.second, pair.second_um)):
            assert np.linalg.norm(place) + part.diameter_um / 2 <= 0.5 * pair.diameter_um * 1.001
        assert len(pair.scatterers) == len(pair.first.scatterers) + len(pair.second.scatterers)
        assert len(pair.fluorophores) == len(pair.second.fluorophores)
        assert pair.facts["side_scatter_um2"] == pytest.approx(pair.scatterers[:, 3].sum())
        assert pair.facts["nucleus_ratio"] == pair.first.facts["nucleus_ratio"]


def test_light_passes_both_parts_of_a_doublet():
    pair = joined(3)
    view = View((0, 1, 2), (0.0, 0.0), 160, 0.2, 488.0)
    phases = [
        np.log(np.maximum(np.abs(part.field(View((0, 1, 2), (z, y), 160, 0.2, 488.0))), 1e-6)).sum()
        for part, (z, y, _) in ((pair.first, pair.first_um.tolist()), (pair.second, pair.second_um.tolist()))
    ]
    assert np.log(np.abs(pair.field(view))).sum() == pytest.approx(sum(phases), rel=1e-4)
    step = pair.index_step(128, 0.2)
    parts = [part.index_step(128, 0.2).sum() for part in (pair.first, pair.second)]
    assert step.sum() == pytest.approx(sum(parts), rel=1e-3)
    heights = (np.arange(128) + 0.5 - 64) * 0.2
    middle = float((step.sum(axis=(1, 2)) * heights).sum() / step.sum())
    expected = (pair.first_um[0] * parts[0] + pair.second_um[0] * parts[1]) / sum(parts)
    assert middle == pytest.approx(expected, abs=0.25)
