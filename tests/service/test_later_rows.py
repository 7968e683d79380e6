"""Rows that wait for others are, as soon as somebody asks, what they would have been at once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from line_parts import KnownTransform, known_answers, known_event

from reconstruction.images import CellImages
from service.store.tables.cell_rows import AnswerNames, cell_rows, rejected_rows
from service.store.tables.later_rows import CellRows, RejectedRows
from service.store.tables.part_table import PartTable

NAMES = AnswerNames(("even", "odd"), 50.0, (0.5, 0.2))
HZ = 1e6


def batches(count: int) -> list[CellImages]:
    return [
        KnownTransform().images([known_event(10 * b + k, 500 * (10 * b + k)) for k in range(1, 9)])
        for b in range(count)
    ]


def test_cells_of_many_batches_are_the_rows_that_each_batch_is() -> None:
    cells = [images.take(images.is_cell) for images in batches(3)]
    answers = [known_answers(c.event_id, c.event_id) for c in cells]
    first, *others = [CellRows.of(c, a, NAMES, HZ) for c, a in zip(cells, answers, strict=True)]
    expected = [cell_rows(c, a, NAMES, HZ) for c, a in zip(cells, answers, strict=True)]
    assert first.joined(others).table.equals(pa.concat_tables(expected).combine_chunks())
    assert first.table.equals(expected[0]) and first.num_rows == expected[0].num_rows
    with pytest.raises(ValueError, match="same events"):
        CellRows.of(cells[0], answers[1], NAMES, HZ)


def test_a_table_has_rows_that_wait_at_every_look_and_keeps_them_in_order(tmp_path: Path) -> None:
    rejected = [images.take(~images.is_cell) for images in batches(4)]
    expected = pa.concat_tables([rejected_rows(images, HZ) for images in rejected])
    with closing(PartTable.create(tmp_path / "rejected")) as table:
        assert table.schema is None and table.last_id == 0 and not table.due()
        table.append_later(RejectedRows.of(rejected[0], HZ))
        table._seconds_unsafe = 0.0
        assert table.rows == len(rejected[0]) and table.due() and table.schema == expected.schema
        assert table.last_id == rejected[0].event_id[-1]
        table.append_later(RejectedRows.of(rejected[1], HZ))
        table.keep(table.mark())
        assert not table.due()
        table.append(rejected_rows(rejected[2], HZ))
        table.append_later(RejectedRows.of(rejected[3], HZ))
        assert table.snapshot().tail.combine_chunks().equals(expected.combine_chunks())
        lost = table.discard_unsafe()
        assert np.array_equal(lost["event_id"], np.concatenate([images.event_id for images in rejected[2:]]))
        assert table.rows == len(rejected[0]) + len(rejected[1])
