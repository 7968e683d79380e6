"""A grating that one line cannot show is seen where the samples of several lines are put at their true places."""

import pytest

from acquisition.presets import instrument_preset
from benchmarks.grating import RESHAPED, grating_event, pictures, rest_of, share_of

ATOM = instrument_preset("atom-4g")


@pytest.mark.parametrize("period_um", [1.0, 1.3])
def test_full_shows_gratings_finer_than_two_samples(period_um):
    assert period_um < 2 * ATOM.time_stretch.um_per_sample
    event = grating_event(ATOM, period_um)
    shown = {name: share_of(picture, ATOM, period_um) for name, picture in pictures(ATOM, event).items()}
    assert shown["full"] > 0.55
    assert shown["full"] > 2.5 * shown["simple"]
    assert shown[RESHAPED] < 0.05


def test_what_full_shows_is_the_grating_and_little_else():
    found = pictures(ATOM, grating_event(ATOM, 1.3))
    assert rest_of(found["full"], ATOM, 1.3) < 0.1 < rest_of(found[RESHAPED], ATOM, 1.3)
