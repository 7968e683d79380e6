"""Whoever describes a file by the page alone must get it read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from trace_samples import REPOSITORY, play, samples_of

from acquisition.importers.openers import READERS
from acquisition.importers.raw import SideCar
from acquisition.importers.sigmf_export import export_sigmf
from acquisition.source import open_source, source_schemes

PAGE = (REPOSITORY / "docs" / "importers.md").read_text(encoding="utf-8")


def _example(folder: Path) -> Path:
    (text,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    (folder / "beads.json").write_text(text)
    np.array([[0, 2048], [4095, 1]], "<u2").tofile(folder / "beads.bin")
    return folder / "beads.bin"


def test_the_example_of_the_page_describes_a_raw_file(tmp_path: Path) -> None:
    with open_source(f"raw:{_example(tmp_path)}") as source:
        assert samples_of(play(source)).tolist() == [[-2048, 0], [2047, -2047]]


def test_every_format_and_field_stands_on_the_page(tmp_path: Path) -> None:
    for scheme in READERS:
        assert f"`{scheme}:`" in PAGE
        assert scheme in source_schemes()
    for field in SideCar.model_fields:
        assert f"`{field}`" in PAGE
    with open_source(f"raw:{_example(tmp_path)}") as source:
        written = export_sigmf(source, tmp_path / "a").meta.read_text()
    ours = set(re.findall(r'"(lightline:\w+)"', json.dumps(json.loads(written))))
    assert len(ours) == 6
    assert all(f"`{name}`" in PAGE for name in ours)
