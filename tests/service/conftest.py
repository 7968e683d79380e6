"""Run folders made of known events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from line_parts import INSTRUMENT, KnownTransform, known_answers, known_event

from acquisition.origin import Origin
from service.run import Run, RunRequest, RunState
from service.store.run_folder import RunFolder
from service.store.tables.cell_rows import AnswerNames


@pytest.fixture
def known_run() -> Run:
    return Run(
        id="20260101T000000000Z-abcdef",
        state=RunState.ACQUIRING,
        request=RunRequest(),
        source="a stream for tests",
        origin=Origin.SIMULATED,
        instrument=INSTRUMENT,
        pipeline="a|b|c",
        pipeline_id="0" * 16,
        bundle="known",
        bundle_digest="d" * 64,
        provider="TestProvider",
        started_at="2026-01-01T00:00:00.000Z",
    )


@pytest.fixture
def live_folder(tmp_path: Path, known_run: Run) -> Iterator[RunFolder]:
    folder = RunFolder.create(tmp_path, known_run, AnswerNames(("even", "odd"), 50.0, (0.5, 0.2)), b"bundle")
    yield folder
    folder.close()


@pytest.fixture
def fill() -> Callable[[RunFolder, int, int], None]:
    """Append events first..last as the line would."""

    def append(folder: RunFolder, first: int, last: int) -> None:
        events = [known_event(k, 500 * k) for k in range(first, last + 1)]
        folder.append_windows(events)
        images = KnownTransform().images(events)
        cells = images.take(images.is_cell)
        folder.append(cells, folder.rows(cells, known_answers(cells.event_id, cells.event_id)))
        folder.append_rejected(images.take(~images.is_cell))

    return append
