"""Who draws a gate on a factor or concept must find it where cells are filtered, under its name, as it was answered."""

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
from service.store.questions.cell_query import CellQuery
from service.store.tables.cell_rows import AnswerNames, cell_rows
from service.store.tables.part_table import PartTable


def naming(*factors: str, concepts: tuple[str, ...] = ()) -> Bundle:
    """The tiny bundle, promising these factors and concepts; its graph is not asked."""
    tiny = tiny_bundle()
    kept = tiny.contract.model_dump(exclude={"sha256", "digest"})
    specs = [{"name": name, "rank_correlation": 0.9} for name in factors]
    told = [{"name": name, "auroc": 0.9} for name in concepts]
    return Bundle.build({**kept, "factors": specs, "concepts": told}, tiny.live, tiny.explain)


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


def test_concepts_are_columns_that_filters_take_and_cells_are_sorted_by(tmp_path) -> None:
    names = AnswerNames.of(naming(concepts=("granularity_yes",)).contract)
    images = KnownTransform().images([known_event(i, 10.0 * i) for i in range(1, 9)])
    ids = images.event_id
    told = ((ids * 3) % 8).astype(np.float32)[:, None]
    rows = cell_rows(images, replace(known_answers(ids, ids), concepts=told), names, 1e6)
    assert rows.schema.field("concept_granularity_yes").type == pa.float32()
    table = PartTable.create(tmp_path / "cells")
    table.append(rows)
    found = CellQuery(table).page("concept_granularity_yes > 4", fields=["event_id"])
    assert [row["event_id"] for row in found.rows] == [int(i) for i in ids if (3 * int(i)) % 8 > 4]


def test_gates_on_factors_can_be_drawn_before_the_first_cell() -> None:
    transform = transform_for(instrument_preset("sheet-ci"))
    known, plain = (
        columns_of(transform, ["transmission"], bundle.contract) for bundle in (naming("diameter_um"), tiny_bundle())
    )
    assert known == {**plain, "factor_diameter_um": ColumnKind.NUMBER}
    with_concepts = columns_of(transform, ["transmission"], naming(concepts=("granularity_yes",)).contract)
    assert with_concepts == {**plain, "concept_granularity_yes": ColumnKind.NUMBER}
