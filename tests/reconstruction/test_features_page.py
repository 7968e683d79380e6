"""Who gates on a column must find it on the page, and find no column there that does not exist."""

import re
from pathlib import Path

import pytest

from acquisition.presets import instrument_preset
from reconstruction.batch import blank_event
from reconstruction.gate import GateSettings
from reconstruction.settings import ImageSettings
from reconstruction.transform import transform_for

PAGE = Path(__file__).resolve().parents[2] / "docs" / "features.md"
BOTH = {"light sheet", "time stretch"}
KINDS = {"atom-4g": {"time stretch", "four knife-edge views"}}


def documented(preset: str, instrument: str, channels: list[str], stains: list[str]) -> set[str]:
    names = set()
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            first, *_, where, _, _ = line.split("|")[1:]
            stained = where.strip() == "fluorescence"
            here = KINDS.get(preset, {instrument})
            if stained or here & (BOTH if where.strip() == "both" else {where.strip().removesuffix(", if asked")}):
                for name in re.findall(r"`([^`]+)`", first):
                    names |= {name.replace("<channel>", channel) for channel in (stains if stained else channels)}
    return names


@pytest.mark.parametrize("preset, kind, channels, stains", [
    ("sheet-ci", "light sheet", ["side_scatter"], []),
    ("sheet-real", "light sheet", ["side_scatter", "gfp"], ["gfp"]),
    ("stretch-ci", "time stretch", ["line"], []),
    ("atom-4g", "time stretch", ["line"], []),
])  # fmt: skip
def test_the_page_names_every_feature_and_no_other(preset, kind, channels, stains):
    instrument = instrument_preset(preset)
    optics = instrument.optics
    rate_hz = optics.line_rate_hz if kind == "time stretch" else optics.scan.rate_hz
    period = instrument.sample_rate_hz / rate_hz
    asked = ImageSettings(gate=GateSettings(largest_ghost_share=0.1))
    measured = transform_for(instrument, asked).images([blank_event(instrument, period)]).features
    assert set(measured) == documented(preset, kind, channels, stains)
