"""What is not measured must say so, in the file and after any mixing."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from trace_samples import ramp_block, small_sheet

from acquisition.origin import Origin, least_real
from acquisition.source import open_source
from acquisition.trace import TraceReader, TraceWriter


def test_a_mixture_is_called_what_its_least_real_part_is() -> None:
    for order in permutations(Origin):
        assert least_real(order) is Origin.SIMULATED
    assert least_real([Origin.MEASURED, Origin.SEMI_REAL]) is Origin.SEMI_REAL
    assert least_real([Origin.MEASURED]) is Origin.MEASURED


def test_measured_cells_need_no_word_and_all_others_have_one() -> None:
    assert [f"{origin.adjective}cells" for origin in Origin] == ["cells", "semi-real cells", "simulated cells"]


@pytest.mark.parametrize("origin", Origin)
def test_a_recording_keeps_how_real_its_samples_are(origin: Origin, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with TraceWriter(path, small_sheet(), origin=origin) as writer:
        writer.append(ramp_block(small_sheet(), 0, 1000))
    with TraceReader(path) as reader:
        assert (reader.origin, reader.summary().origin) == (origin, origin)
    with open_source(str(path)) as played:
        assert played.origin is origin
