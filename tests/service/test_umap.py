"""A UMAP of a result set: real, made by a process of its own, and its places are columns like the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from acquisition.errors import ConfigError
from service.errors import RunStateError
from service.gates.gate import Gate
from service.maps import umap_making
from service.maps.placed_map import PlacedMap, UmapAbout
from service.maps.shelf import UMAP_PARQUET
from service.maps.umap_making import check_umap
from service.run import Run, RunState
from service.store.questions.binning import Binning
from service.store.questions.row_stream import RowStream
from service.store.results import Results
from service.store.run_folder import RunFolder

ABOUT = UmapAbout(of=("embedding_0",), cells=0, fitted=0, neighbours=2, distance=0.1, seed=7, software="none")


@pytest.fixture
def results(live_folder: RunFolder, known_run: Run, fill: Callable[[RunFolder, int, int], None]) -> Results:
    """The cells of a run that is over, in a part and in the newest rows."""
    fill(live_folder, 1, 40)
    live_folder.seal()
    fill(live_folder, 41, 60)
    live_folder.save_run(known_run.model_copy(update={"state": RunState.DONE}))
    return live_folder.results()


def placed(results: Results, every: int = 2) -> PlacedMap:
    """Write a map in which every other cell has a place, its event id and what remains of it by ten."""
    events = results.cells.arrow(["event_id"]).column(0).to_numpy()[::every]
    made = PlacedMap(results.path / UMAP_PARQUET, ABOUT, events, np.stack([events, events % 10], 1).astype(np.float32))
    made.write()
    return made


def test_places_are_columns_to_plot_filter_gate_count_and_export(results: Results) -> None:
    query = results.cells
    state, before = query.state, query.columns()
    made = placed(results)
    assert query.columns().keys() - before.keys() == {"umap1", "umap2"} and query.state != state
    table = query.arrow(["event_id", "umap1", "umap2"])
    known = np.isin(table.column("event_id").to_numpy(), made.events)
    np.testing.assert_array_equal(
        table.column("umap1").to_numpy(), np.where(known, table.column("event_id").to_numpy(), np.nan)
    )
    side = [{"column": "umap1", "low": 20}, {"column": "umap2", "high": 6}]
    gate = Gate.model_validate({"name": "near", "region": {"kind": "rectangle", "sides": side}})
    query.gates.put([gate], query.columns())
    inside = made.events[(made.events >= 20) & (made.events % 10 < 6)]
    assert results.statistics.in_gates(["near"]) == {"near": len(inside)}
    assert query.page("gate = 'near'", fields=["umap2"]).rows == [
        {"event_id": int(event), "umap2": float(event % 10)} for event in inside
    ]
    exported = pa.concat_tables(table for _, table in RowStream.of(query, "gate = 'near'").tables())
    assert exported.column("umap1").to_pylist() == [float(event) for event in inside]
    # Counted from whole columns, of parts and newest rows, and by the database: the same.
    counts, x, y = results.statistics, Binning("umap1", 8), Binning("umap2", 5)
    whole, filtered = counts.density(x, y), counts.density(x, y, "event_id > 0")
    np.testing.assert_array_equal(whole.counts, filtered.counts)
    assert whole.counts.sum() == len(made.events) < query.table.rows
    assert results.stream().largest(["umap1"]) == {"umap1": float(made.events[-1])}


def test_a_map_is_read_as_it_was_written_and_a_damaged_one_is_left_out(
    results: Results, live_folder: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    made = placed(results)
    read = PlacedMap.read(made.path)
    assert read.identified() == made.identified() != replace(made, places=made.places + 1).identified()
    made.path.write_bytes(b"PAR1")
    again = RunFolder.open(live_folder.path)
    assert "umap1" not in again.results().cells.columns()
    assert "remove it" in caplog.text
    again.close()


def test_what_cannot_be_mapped_is_refused(
    results: Results, live_folder: RunFolder, known_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(umap_making, "FEWEST_CELLS", 1000)
    with pytest.raises(RunStateError, match="1000 cells"):
        check_umap(results)
    monkeypatch.undo()
    monkeypatch.setattr(umap_making, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"lightline\[umap\]"):
        check_umap(results)
    monkeypatch.undo()
    placed(results)
    with pytest.raises(RunStateError, match="already"):
        check_umap(results)
    live_folder.save_run(known_run)
    with pytest.raises(RunStateError, match="complete"):
        check_umap(results)


SMALL = """
import sys
from service.maps import process, umap_making

umap_making.FITTED_CELLS, umap_making.MOST_CELLS, umap_making._CHUNK, umap_making.NEIGHBOURS = 30, 44, 10, 4
sys.exit(process.main())
"""


def test_the_process_of_a_service_keeps_near_what_the_model_finds_alike(
    results: Results, live_folder: RunFolder
) -> None:
    """The real library; not compiled, which takes half a minute where so few cells take a second."""
    live_folder.seal()
    with subprocess.Popen(
        [sys.executable, "-c", SMALL, str(live_folder.path), "live"],
        # Held open, as a service holds it.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    ) as process:
        told = [json.loads(line) for line in process.stdout.read().splitlines()]
    assert process.returncode == 0 and [one["done"] for one in told] == [30, 40, 44]
    made = PlacedMap.read(results.path / UMAP_PARQUET)
    assert (made.about.cells, made.about.fitted, made.about.of) == (44, 30, ("embedding_0", "embedding_1"))
    rows = results.cells.arrow(["event_id", "embedding_0", "umap1", "umap2"]).to_pandas()
    mapped = rows.dropna()
    assert len(mapped) == 44 and len(rows) - 44 > 0
    # The model lays known cells along a line, and so does the map: the nearest by one is near by the other.
    line = mapped.embedding_0.to_numpy()
    places = mapped[["umap1", "umap2"]].to_numpy()
    apart = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(44)
    assert np.median(np.abs(line - line[apart.argmin(axis=1)])) <= 4
