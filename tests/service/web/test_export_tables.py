"""What people take home as a table is what the run holds: every row, every value, and whose it is."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exporting import export, run_folder, stored
from served import World

from service.cli import main
from service.errors import StorageError
from service.export.parquet_table import ParquetExporter
from service.store.questions.row_stream import RowStream


def test_a_parquet_export_is_the_table_of_the_run_and_says_whose_it_is(world: World, tmp_path: Path) -> None:
    assert export(world, "parquet", tmp_path / "a.parquet") == 0
    found = pq.read_table(tmp_path / "a.parquet")
    # Axes of the embedding and what people call cells are not in the run's own parts.
    assert found.column("label").null_count == found.num_rows
    measured = found.drop_columns(["pc1", "pc2", "label"]).replace_schema_metadata(None)
    assert measured.equals(stored(world).replace_schema_metadata(None))
    said = json.loads(found.schema.metadata[b"lightline"])
    assert (said["run"], said["origin"]) == (world.run.id, "SIMULATED")
    assert said["bundle_digest"] == world.run.bundle_digest


def test_a_csv_export_has_a_line_an_event_and_a_column_an_entry_of_a_list(world: World, tmp_path: Path) -> None:
    assert export(world, "csv", tmp_path / "a.csv") == 0
    with (tmp_path / "a.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    rows = stored(world).to_pylist()
    assert [int(line["event_id"]) for line in lines] == [row["event_id"] for row in rows]
    for line, row in zip(lines, rows, strict=True):
        assert float(line["area_um2"]) == pytest.approx(row["area_um2"], rel=1e-6)
        assert line["class"] == row["class"] and line["origin"] == "simulated" and line["run"] == world.run.id
        assert (line["speed_error_m_s"] == "") == (row["speed_error_m_s"] is None)
        # The bundle's classes have names, its clusters have none in the table.
        assert float(line["class_probability_small"]) == pytest.approx(row["class_probabilities"][1], abs=1e-6)
        assert float(line["cluster_posterior_2"]) == pytest.approx(row["cluster_posteriors"][2], abs=1e-6)


def test_rejected_events_a_filter_and_the_first_few(world: World, tmp_path: Path) -> None:
    assert export(world, "parquet", tmp_path / "r.parquet", "--rejected") == 0
    assert (
        pq.read_table(tmp_path / "r.parquet").column("rejection").to_pylist()
        == stored(world, "rejected").column("rejection").to_pylist()
    )
    params = {"where": "diameter_um > 8", "limit": 1000}
    wanted = [row["event_id"] for row in world.client.get(world.cells, params=params).json()["rows"]]
    assert 1 < len(wanted) < stored(world).num_rows
    assert export(world, "parquet", tmp_path / "f.parquet", "--where", "diameter_um > 8") == 0
    assert pq.read_table(tmp_path / "f.parquet").column("event_id").to_pylist() == wanted
    assert export(world, "parquet", tmp_path / "c.parquet", "--cells", 3) == 0
    assert pq.read_table(tmp_path / "c.parquet").num_rows == 3
    assert export(world, "parquet", tmp_path / "e.parquet", "--event", wanted[1], "--event", wanted[0]) == 0
    assert pq.read_table(tmp_path / "e.parquet").column("event_id").to_pylist() == wanted[:2]
    # Nothing passes: a table without rows is an answer too.
    assert export(world, "parquet", tmp_path / "n.parquet", "--where", "diameter_um > 900") == 0
    assert pq.read_table(tmp_path / "n.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--where", "nonsense > 1"], "nonsense"),
        (["--event", "999999"], "999999"),
        (["--event", "1", "--cells", "2"], "--event"),
        (["--channel", "transmission"], "channel"),
        (["--setup", "flow rate"], "KEY=VALUE"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence_and_no_file(
    world: World, tmp_path: Path, options: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(world, "csv", tmp_path / "x.csv", *options) == 2
    assert named in capsys.readouterr().err.strip().splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_kept_until_the_new_one_is_whole(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.parquet"
    out.write_text("mine")
    assert export(world, "parquet", out) == 2
    assert "--force" in capsys.readouterr().err

    def interrupted(self: RowStream, columns: object = None) -> object:
        yield 1, next(iter(whole(self)))[1]
        raise KeyboardInterrupt

    whole = RowStream.tables
    with monkeypatch.context() as patch:
        patch.setattr(RowStream, "tables", interrupted)
        assert export(world, "parquet", out, "--force") == 130
        assert out.read_text() == "mine" and list(tmp_path.iterdir()) == [out]
        assert export(world, "parquet", tmp_path / "b.parquet") == 130
        assert list(tmp_path.iterdir()) == [out]
    # What a killed process leaves does not stand in the way of the next.
    (tmp_path / ".a.parquet.part").write_text("half")
    assert export(world, "parquet", out, "--force") == 0
    assert pq.read_table(out).num_rows == stored(world).num_rows and list(tmp_path.iterdir()) == [out]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> object:
        yield b"PAR1"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ParquetExporter, "pieces", full)
    assert export(world, "parquet", tmp_path / "a.parquet") == 2
    assert "the disk is full" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert issubclass(StorageError, OSError)


def test_without_a_name_the_file_is_named_after_run_and_origin(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["export", str(run_folder(world)), "--format", "csv"], "lightline")
    assert not ended.value.code
    assert [path.name for path in tmp_path.iterdir()] == [f"{world.run.id}-simulated-cells.csv"]


def test_rows_arrive_part_by_part_while_the_run_grows(live_folder, fill) -> None:
    for first in (1, 11, 21):
        fill(live_folder, first, first + 9)
        live_folder.seal()
    fill(live_folder, 31, 40)
    rows = live_folder.results().stream()
    fill(live_folder, 41, 50)
    pieces = [(seen, table.column("event_id").to_pylist()) for seen, table in rows.tables(["event_id"])]
    assert [seen for seen, _ in pieces] == [9, 18, 26, 35]
    assert [k for _, ids in pieces for k in ids] == [k for k in range(1, 41) if k % 7]
    assert rows.count() == rows.total == 35
    few = live_folder.results().stream("cluster = 1", most=4)
    assert few.count() == 4 == sum(table.num_rows for _, table in few.tables())
    assert rows.largest(["embedding_1", "speed_error_m_s"]) == {"embedding_1": -1.0, "speed_error_m_s": None}
    assert rows.texts("class") == ["even", "odd"] and rows.widths() == {
        "cluster_posteriors": 3,
        "class_probabilities": 2,
    }
    assert math.isclose(rows.largest(["novelty"])["novelty"] or 0, pa.compute.max(stored_novelty(live_folder)).as_py())


def stored_novelty(folder) -> pa.ChunkedArray:
    return (
        folder.results()
        .cells.arrow(["event_id", "novelty"])
        .filter(pa.compute.field("event_id") <= 40)
        .column("novelty")
    )
