"""The kernels that score every line must give what the plain formula gives, or cells are found that are not there."""

import math

import numpy as np
import pytest

from acquisition.event import BINS_PER_TICK
from acquisition.scoring import BRIGHTNESS_RANGE, new_steps, score_periods
from acquisition.templates import MARGIN_TICKS, Watched, fill_templates, new_templates

LINES, CORES = 150, 4


def plain_scores(samples, origin, period, level, active, offsets, first_bin, step):
    """Rms difference of every line from the background at the line's own brightness, counts.

    The brightness is measured along the background in whole steps.
    """
    scores = []
    for k in range(LINES):
        begin = origin + k * period
        ticks = np.arange(math.ceil(begin + first_bin / BINS_PER_TICK), math.ceil(begin + period))
        bins = ((ticks - begin) * BINS_PER_TICK).astype(int)
        ticks, bins = ticks[active[bins]], bins[active[bins]]
        empty = level[bins].astype(float)
        away = samples[ticks].astype(float) - offsets[ticks % CORES] - empty
        empty = np.rint(empty / step) * step
        gain = np.clip(np.sum(away * empty) / np.sum(empty**2), -BRIGHTNESS_RANGE, BRIGHTNESS_RANGE)
        scores.append(np.sqrt(np.mean((away - gain * empty) ** 2)))
    return np.array(scores)


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("period", [341.3337, 87.21, 452.7])
def test_scores_are_those_of_the_formula(dtype, period):
    rng = np.random.default_rng(round(period))
    phase = (np.arange(BINS_PER_TICK * math.ceil(1.01 * period)) + 0.5) / BINS_PER_TICK / period
    level = (90.0 * np.sin(math.pi * np.minimum(phase, 1.0)) ** 2).astype(np.float32)
    active = (level > 5.0) & (np.abs(phase - 0.6) > 0.05) & (phase < 0.98)
    offsets, origin, first_bin = rng.normal(0.0, 1.0, CORES), 33.7, 4 * int(np.flatnonzero(active)[0] // 4)
    ticks = np.arange(math.ceil(origin + (LINES + 1) * period) + MARGIN_TICKS)
    line = np.floor((ticks - origin) / period)
    bins = np.minimum(((ticks - origin - line * period) * BINS_PER_TICK).astype(int), level.size - 1)
    # Pulses of any energy, and a body in the middle of the stretch.
    energies = rng.normal(1.0, 0.05, LINES + 3)[line.astype(int) + 1]
    energies *= np.where((np.abs(line - 75) < 20) & (np.abs(phase[bins] - 0.4) < 0.1), 0.3, 1.0)
    counts = level[bins] * energies + offsets[ticks % CORES] + rng.normal(0.0, 1.2, ticks.size)
    samples = np.clip(np.rint(counts), -128, 127).astype(dtype)

    templates = new_templates((first_bin, int(np.flatnonzero(active)[-1]) + 1), CORES, shifting=False)
    fill_templates(templates, level, active, offsets)
    scores = np.empty(LINES, np.float32)
    score_periods(Watched(samples, 1, 0, 0), origin, period, templates, new_steps(), scores)
    true = plain_scores(samples, origin, period, level, active, offsets, first_bin, templates.small.units[1])
    assert templates.small.units[1] < 0.05
    np.testing.assert_allclose(scores, true, rtol=1e-5)
    assert true.max() > 10 * true.min()
