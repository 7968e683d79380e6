"""Whoever writes a trace file by the page alone must get a file that works."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel
from trace_samples import REPOSITORY, play, samples_of

from acquisition import instrument
from acquisition.inspection import inspect_trace
from acquisition.origin import Origin
from acquisition.source import open_source
from acquisition.trace import GAP_DTYPE, TRACE_FORMAT, TraceReader

PAGE = (REPOSITORY / "docs" / "trace-format.md").read_text(encoding="utf-8")


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 30
    assert "acquisition" not in code
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/trace-format.md", "exec"), {})
    return tmp_path / "example.h5"


def test_the_example_of_the_page_is_a_trace(example: Path) -> None:
    with TraceReader(example) as reader:
        assert reader.origin is Origin.SIMULATED
        assert [channel.name for channel in reader.instrument.channels] == ["forward", "side"]
        assert [(s.row, s.first_sample, s.lost_before) for s in reader.segments()] == [
            (0, 0, 0),
            (250_000, 250_500, 500),
        ]
        stored = reader.read(0, reader.n_samples)
    with open_source(f"{example}") as source:
        blocks = play(source)
    assert np.array_equal(samples_of(blocks), stored)
    assert [block.lost_before for block in blocks if block.lost_before] == [500]


def test_the_example_of_the_page_can_be_inspected(example: Path) -> None:
    report = inspect_trace(str(example))
    assert report.format == TRACE_FORMAT
    assert report.samples_per_scan == pytest.approx(100, abs=0.01)
    assert (report.gap_count, report.samples_lost) == (1, 500)
    assert report.events.count == 0


def test_every_field_of_an_instrument_is_on_the_page() -> None:
    models = [
        value
        for value in vars(instrument).values()
        if isinstance(value, type) and issubclass(value, BaseModel) and value is not BaseModel
    ]
    fields = {field for model in models for field in model.model_fields}
    assert len(fields) > 30
    assert [field for field in sorted(fields) if not re.search(rf"\b{field}\b", PAGE)] == []


def test_the_page_names_the_format_the_gap_columns_and_the_roles() -> None:
    words = [TRACE_FORMAT, *(GAP_DTYPE.names or ()), *instrument.Role]
    assert [word for word in words if f"`{word}`" not in PAGE] == []
