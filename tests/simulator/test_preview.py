"""A preview shows one cell, its signal and its ideal picture, and refuses what it cannot write."""

import numpy as np
import pytest
from PIL import Image

from acquisition.errors import ConfigError
from simulator.options import scenario
from simulator.preview import draw_preview


@pytest.mark.parametrize(("preset", "sample"), [("sheet-real", "hek-gr-dex"), ("stretch-ci", "neutrophil")])
def test_a_preview_is_a_picture_of_the_first_cell(tmp_path, preset, sample):
    arrival = draw_preview(scenario(preset, sample=sample, seed=3), tmp_path / "cell.png")
    assert arrival.specimen.is_cell
    picture = np.asarray(Image.open(tmp_path / "cell.png").convert("L"))
    assert picture.shape[1] == 1320
    # Something is drawn in the cell's third, the signals' and the ideal pictures'.
    for part in np.array_split(picture, 3):
        assert part.std() > 20


def test_a_picture_that_cannot_be_written_is_refused_and_nothing_stays(tmp_path):
    out = tmp_path / "cell.pong"
    with pytest.raises(ConfigError, match=r"cannot be written: Format 'pong' is not supported"):
        draw_preview(scenario("sheet-ci"), out)
    assert not out.exists()
    with pytest.raises(ConfigError, match="cannot be written"):
        draw_preview(scenario("sheet-ci"), tmp_path / "none" / "cell.png")


def test_the_same_seed_shows_the_same_cell(tmp_path):
    first = draw_preview(scenario("sheet-ci", seed=8), tmp_path / "a.png")
    again = draw_preview(scenario("sheet-ci", seed=8), tmp_path / "b.png")
    np.testing.assert_array_equal(first.specimen.scatterers, again.specimen.scatterers)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
