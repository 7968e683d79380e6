"""The page on the simulator names every preset, option and setting as they are."""

import inspect
from pathlib import Path

import pytest

from simulator.cells.flow import Flow
from simulator.electronics.settings import Converter, Detector, Laser
from simulator.optics.settings import Clock, SheetDefects, StretchDefects
from simulator.options import scenario
from simulator.presets import preset_names

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()


@pytest.mark.parametrize("part", [Flow, Laser, Clock, SheetDefects, StretchDefects, Detector, Converter])
def test_every_setting_stands_on_the_page_with_its_default_and_meaning(part):
    for name, field in part.model_fields.items():
        default = "(required)" if field.is_required() else repr(field.default)
        row = f"| `{name}` | {default} | {' '.join((field.description or '').split())} |"
        assert name == "kind" or row in PAGE, row


def test_every_preset_and_option_stands_on_the_page():
    for name in (*preset_names(), *inspect.signature(scenario).parameters):
        assert f"`{name}`" in PAGE or name in ("preset", "settings"), name
