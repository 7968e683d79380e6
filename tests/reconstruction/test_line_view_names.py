"""What the images of a time stretch are called, and where in the lines they lie."""

import numpy as np
import pytest

from acquisition.errors import ConfigError
from acquisition.instrument import Channel, Role
from acquisition.presets import instrument_preset
from reconstruction.time_stretch.views import dark_bins, dark_level, views_of

ATOM_VIEWS = ("brightfield", "rising_x", "falling_x", "rising_y", "falling_y")


def test_one_view_has_the_name_of_its_channel():
    assert [view.name for view in views_of(instrument_preset("stretch-ci"))] == ["line"]


def test_several_views_have_names_of_their_own():
    assert tuple(view.name for view in views_of(instrument_preset("atom-4g"))) == ATOM_VIEWS


def test_several_channels_go_before_the_views():
    atom = instrument_preset("atom-4g")
    both = atom.model_copy(update={"channels": (*atom.channels, Channel(name="late", role=Role.LINE))})
    assert tuple(view.name for view in views_of(both)) == tuple(
        f"{c}_{v}" for c in ("line", "late") for v in ATOM_VIEWS
    )


def test_views_reach_half_way_to_the_next_around_the_line():
    views = views_of(instrument_preset("atom-4g"))
    assert [view.reach_samples for view in views] == pytest.approx([30.0] * 5)
    assert views_of(instrument_preset("stretch-ci"))[0].reach_samples == pytest.approx(100e6 / 290e3 / 2)


def test_two_views_of_one_name_are_refused():
    atom = instrument_preset("atom-4g")
    views = tuple(view.model_copy(update={"name": "same"}) for view in atom.time_stretch.views)
    changed = atom.model_copy(update={"optics": atom.time_stretch.model_copy(update={"views": views})})
    with pytest.raises(ConfigError, match="several views named 'same': give each a name of its own"):
        views_of(changed)


@pytest.mark.parametrize("preset, middles", [("stretch-ci", [0]), ("atom-4g", [0, 60, 120, 180, 240])])
def test_the_level_without_light_is_found_between_the_views(preset, middles):
    instrument = instrument_preset(preset)
    optics = instrument.time_stretch
    period = instrument.sample_rate_hz / optics.line_rate_hz
    phase = (np.arange(int(4 * period) + 8) + 0.5) / 4
    level = np.full(phase.shape, -1.3, np.float32)
    for middle in middles:
        level[np.abs(phase - 0.5 * period - middle) < optics.views[0].width_samples / 2 + 2] += 80.0
        level[np.abs(phase - 0.5 * period - middle + period) < optics.views[0].width_samples / 2 + 2] += 80.0
    assert dark_level(level, dark_bins(optics, period)) == pytest.approx(-1.3, abs=1e-5)


def test_where_a_line_is_never_dark_nothing_is_taken_away():
    optics = instrument_preset("stretch-ci").time_stretch
    bright = optics.model_copy(update={"views": (optics.views[0].model_copy(update={"width_samples": 340.0}),)})
    assert dark_level(np.full(1400, 50.0, np.float32), dark_bins(bright, 344.8)) == 0.0
