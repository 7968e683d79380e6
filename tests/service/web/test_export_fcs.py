"""FCS files are read by programs that are not ours, row for row, and say what stands for what."""

from __future__ import annotations

import json
from pathlib import Path

import fcsparser
import flowio
import numpy as np
import pytest
from exporting import export, stored
from served import World

from service.export import fcs_layout
from service.export.destination import write_whole
from service.export.fcs import NOT_MEASURED, SPLIT, FcsExporter
from service.export.selection import Selection


@pytest.fixture(scope="module")
def cells(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fcs") / "cells.fcs"
    assert export(world, "fcs", out) == 0
    return out


def matrix(data: flowio.FlowData) -> np.ndarray:
    return np.asarray(data.events, np.float32).reshape(-1, data.channel_count)


def test_two_readers_agree_row_for_row_with_the_run(world: World, cells: Path) -> None:
    rows = stored(world)
    flow = flowio.FlowData(str(cells))
    text, frame = fcsparser.parse(str(cells), channel_naming="$PnN", reformat_meta=False)
    assert flow.version == "3.1" and flow.event_count == rows.num_rows == len(frame) == int(text["$TOT"])
    assert flow.pnn_labels == list(frame.columns) and len(set(flow.pnn_labels)) == flow.channel_count
    np.testing.assert_array_equal(matrix(flow), frame.to_numpy(np.float32))
    found = dict(zip(flow.pnn_labels, matrix(flow).T, strict=True))
    for name, column in (("area_um2", "area_um2"), ("Novelty", "novelty"), ("Cluster", "cluster"), ("Time", "time_s")):
        np.testing.assert_array_equal(found[name], np.asarray(rows.column(column), np.float32))
    posteriors = np.stack(rows.column("cluster_posteriors").to_pylist())
    for k in range(3):
        np.testing.assert_array_equal(found[f"cluster_posterior_{k}"], posteriors[:, k].astype(np.float32))


def test_whole_numbers_beyond_float32_come_back_from_two_columns(live_folder, fill, tmp_path: Path) -> None:
    first = 3 * SPLIT + 5
    fill(live_folder, 1, 9)
    fill(live_folder, first, first + 9)
    out = tmp_path / "large.fcs"
    write_whole(FcsExporter(), Selection(live_folder), out, lambda *_: None)
    flow = flowio.FlowData(str(out))
    found = dict(zip(flow.pnn_labels, matrix(flow).T.astype(np.int64), strict=True))
    rows = live_folder.results().cells.arrow(["event_id", "trigger_tick"])
    for name, column in (("EventID", "event_id"), ("TriggerTick", "trigger_tick")):
        whole = np.rint(np.asarray(rows.column(column), np.float64)).astype(np.int64)
        np.testing.assert_array_equal(found[name] + SPLIT * found[f"{name}_high"], whole)
        assert whole.max() > 3 * SPLIT


def test_nothing_is_dropped_where_nothing_was_measured(world: World, cells: Path) -> None:
    flow = flowio.FlowData(str(cells))
    assert int(flow.text["lightline_not_measured"]) == NOT_MEASURED
    rows = stored(world)
    for name, values in zip(flow.pns_labels, matrix(flow).T, strict=True):
        assert np.isfinite(values).all()
        if name in rows.column_names:
            missing = np.array([value is None or value == "" for value in rows.column(name).to_pylist()])
            np.testing.assert_array_equal(values == NOT_MEASURED, missing, err_msg=name)
    assert (matrix(flow) == NOT_MEASURED).any()


def test_texts_are_numbers_whose_meaning_is_in_a_keyword(world: World, cells: Path) -> None:
    flow = flowio.FlowData(str(cells))
    names = json.loads(flow.text["lightline_codes_class"])
    column = matrix(flow)[:, flow.pnn_labels.index("Class")].astype(int)
    assert [names[code] for code in column] == stored(world).column("class").to_pylist()


def test_the_file_says_whose_the_cells_are(world: World, cells: Path) -> None:
    text = flowio.FlowData(str(cells)).text
    assert text["lightline_origin"] == "SIMULATED" and text["lightline_run"] == world.run.id
    assert text["lightline_bundle_digest"] == world.run.bundle_digest
    assert text["lightline_pipeline_id"] == world.run.pipeline_id
    assert (text["cyt"], text["date"], text["btim"]) == ("sheet-ci", "01-JAN-2026", "12:00:00")
    assert (text["datatype"], text["byteord"], text["timestep"]) == ("F", "1,2,3,4", "1")


def test_ranges_hold_every_value(cells: Path) -> None:
    flow = flowio.FlowData(str(cells))
    for name, largest, values in zip(flow.pnn_labels, flow.pnr_values, matrix(flow).T, strict=True):
        assert values.max() <= float(largest), name


def test_data_beyond_the_header_is_found_by_the_text(
    world: World, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcs_layout, "LARGEST_OFFSET", 5000)
    assert export(world, "fcs", tmp_path / "large.fcs") == 0
    content = (tmp_path / "large.fcs").read_bytes()
    assert content[26:42] == b"       0       0" and content[58:] == cells.read_bytes()[58:]
    _, frame = fcsparser.parse(str(tmp_path / "large.fcs"), channel_naming="$PnN", reformat_meta=False)
    np.testing.assert_array_equal(frame.to_numpy(np.float32), matrix(flowio.FlowData(str(cells))))


def test_offsets_of_a_large_file_are_in_the_text_alone() -> None:
    beginning = fcs_layout.fcs_beginning({"$PAR": "1"}, 200_000_000)
    assert beginning[26:42] == b"       0       0"
    parts = beginning[58:].decode().split("\x0c")[1:-1]
    text = dict(zip(parts[::2], parts[1::2], strict=True))
    assert int(text["$BEGINDATA"]) == len(beginning)
    assert int(text["$ENDDATA"]) == len(beginning) + 200_000_000 - 1
    assert int(beginning[18:26]) == len(beginning) - 1


def test_rejected_events_say_why(world: World, tmp_path: Path) -> None:
    assert export(world, "fcs", tmp_path / "r.fcs", "--rejected") == 0
    flow = flowio.FlowData(str(tmp_path / "r.fcs"))
    reasons = json.loads(flow.text["lightline_codes_rejection"])
    column = matrix(flow)[:, flow.pnn_labels.index("rejection")].astype(int)
    assert [reasons[code] for code in column] == stored(world, "rejected").column("rejection").to_pylist()
    assert flow.text["lightline_events"] == "rejected"


def test_a_filter_that_nothing_passes_gives_a_file_without_rows(world: World, tmp_path: Path) -> None:
    assert export(world, "fcs", tmp_path / "n.fcs", "--where", "diameter_um > 900") == 0
    text, _ = fcsparser.parse(str(tmp_path / "n.fcs"), meta_data_only=True), None
    assert text["$TOT"] == 0
