"""Who gates on a column must find it on the page, and find no column there that does not exist."""

import re
from pathlib import Path

import pytest

from acquisition.presets import instrument_preset
from reconstruction.batch import blank_event
from reconstruction.transform import transform_for

PAGE = Path(__file__).resolve().parents[2] / "docs" / "features.md"
BOTH = {"light sheet", "time stretch"}


def documented(instrument: str, channels: list[str]) -> set[str]:
    names = set()
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            first, *_, where, _, _ = line.split("|")[1:]
            if instrument in (BOTH if where.strip() == "both" else {where.strip()}):
                for name in re.findall(r"`([^`]+)`", first):
                    names |= {name.replace("<channel>", channel) for channel in channels}
    return names


@pytest.mark.parametrize("preset, kind, channels", [
    ("sheet-ci", "light sheet", ["side_scatter"]), ("stretch-ci", "time stretch", ["line"]),
])  # fmt: skip
def test_the_page_names_every_feature_and_no_other(preset, kind, channels):
    instrument = instrument_preset(preset)
    event = blank_event(instrument, 100.0 if kind == "light sheet" else 100e6 / 290e3)
    measured = transform_for(instrument).images([event]).features
    assert set(measured) == documented(kind, channels)
