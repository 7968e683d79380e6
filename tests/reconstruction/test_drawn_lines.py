"""Pixels of the quick mode lie straight between two samples, at their true places, and know what they do not know."""

import numpy as np
import pytest

from reconstruction.time_stretch.drawing import DRAWN_PLACES, draw_lines, drawn_places
from reconstruction.time_stretch.pixels import Line


@pytest.mark.parametrize(("n", "step"), [(64, 1.0), (80, 0.35), (13, 1.4)])
def test_lines_are_drawn_straight_from_sample_to_sample(n, step):
    rng = np.random.default_rng(n)
    columns, line = (np.arange(n) + 0.5 - n / 2) * step, Line(60.2, 141.3347)
    light = rng.normal(1.0, 0.3, 1500).astype(np.float32)
    light[[58, 333]] = np.nan
    drawing = drawn_places(columns)
    drawn = np.empty((9, drawing.before.shape[1]), np.float32)
    draw_lines(light, line, drawing, drawn)
    assert drawn.shape[1] >= n
    for i, row in enumerate(drawn[:, :n]):
        middle = line.middle + i * line.period
        # The middle's place between two samples is one of a few.
        middle = np.floor(middle) + (np.floor(middle % 1.0 * DRAWN_PLACES) + 0.5) / DRAWN_PLACES
        before = np.floor(middle + columns).astype(int)
        share = middle + columns - before
        expected = light[before] + share * (light[before + 1] - light[before])
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)
    assert np.isnan(drawn[0, :n]).any() and not np.isnan(drawn[4, :n]).any()
