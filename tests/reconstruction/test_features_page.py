"""Who gates on a column must find it on the page, and find no column there that does not exist."""

import re
from pathlib import Path

import pytest

from acquisition.presets import instrument_preset
from reconstruction.batch import blank_event
from reconstruction.transform import transform_for

PAGE = Path(__file__).resolve().parents[2] / "docs" / "features.md"
BOTH = {"light sheet", "time stretch"}


def documented(instrument: str, channels: list[str], stains: list[str]) -> set[str]:
    names = set()
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            first, *_, where, _, _ = line.split("|")[1:]
            stained = where.strip() == "fluorescence"
            if stained or instrument in (BOTH if where.strip() == "both" else {where.strip()}):
                for name in re.findall(r"`([^`]+)`", first):
                    names |= {name.replace("<channel>", channel) for channel in (stains if stained else channels)}
    return names


@pytest.mark.parametrize("preset, kind, channels, stains", [
    ("sheet-ci", "light sheet", ["side_scatter"], []),
    ("sheet-real", "light sheet", ["side_scatter", "gfp"], ["gfp"]),
    ("stretch-ci", "time stretch", ["line"], []),
])  # fmt: skip
def test_the_page_names_every_feature_and_no_other(preset, kind, channels, stains):
    instrument = instrument_preset(preset)
    period = (
        100e6 / 290e3 if kind == "time stretch" else instrument.sample_rate_hz / instrument.light_sheet.scan.rate_hz
    )
    measured = transform_for(instrument).images([blank_event(instrument, period)]).features
    assert set(measured) == documented(kind, channels, stains)
