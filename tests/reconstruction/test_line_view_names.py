"""What the images of a time stretch are called, and where in the lines they lie."""

import pytest

from acquisition.errors import ConfigError
from acquisition.instrument import Channel, Role
from acquisition.presets import instrument_preset
from reconstruction.line_views import views_of

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
