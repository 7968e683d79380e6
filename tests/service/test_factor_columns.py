"""Who draws a gate on a factor must find it where cells are filtered: under its name, with what the model answered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
from line_parts import KnownTransform, known_answers, known_event
from tiny_bundle import tiny_bundle

from acquisition.presets import instrument_preset
from inference.bundle import Bundle
from reconstruction.transform import transform_for
from service.gates.where import ColumnKind
from service.runs.gating import columns_of
from service.store.cell_query import CellQuery
from service.store.cell_rows import AnswerNames, cell_rows
from service.store.part_table import PartTable


def naming(*factors: str) -> Bundle:
    """The tiny bundle, promising these factors; its graph is not asked."""
    tiny = tiny_bundle()
    kept = tiny.contract.model_dump(exclude={"sha256", "digest"})
    specs = [{"name": name, "rank_correlation": 0.9} for name in factors]
    return Bundle.build({**kept, "factors": specs}, tiny.live, tiny.explain)


def test_factors_are_columns_that_filters_take(tmp_path) -> None:
    names = AnswerNames.of(naming("diameter_um", "nucleus_ratio").contract)
    images = KnownTransform().images([known_event(i, 10.0 * i) for i in range(1, 9)])
    ids = images.event_id
    told = np.stack([ids / 2, np.where(ids == 3, np.nan, 1 / ids)], axis=1).astype(np.float32)
    rows = cell_rows(images, replace(known_answers(ids, ids), factors=told), names, 1e6)
    assert rows.schema.field("factor_diameter_um").type == pa.float32()
    assert rows.column("factor_nucleus_ratio").null_count == 1
    table = PartTable.create(tmp_path / "cells")
    table.append(rows)
    found = CellQuery(table).page("factor_diameter_um >= 3 and factor_nucleus_ratio > 0.13", fields=["event_id"])
    assert [row["event_id"] for row in found.rows] == [6, 7]
    plain = cell_rows(images, known_answers(ids, ids), AnswerNames(), 1e6)
    assert not [name for name in plain.column_names if name.startswith("factor_")]


def test_gates_on_factors_can_be_drawn_before_the_first_cell() -> None:
    transform = transform_for(instrument_preset("sheet-ci"))
    known, plain = (
        columns_of(transform, ["transmission"], bundle.contract) for bundle in (naming("diameter_um"), tiny_bundle())
    )
    assert known == {**plain, "factor_diameter_um": ColumnKind.NUMBER}
