"""anndata reads what we write: cells by features, embedding and answers beside, and whose they are."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pytest
from exporting import export, stored
from served import World

from service.errors import UnknownCell
from service.export.destination import write_whole
from service.export.h5ad import AnnDataExporter
from service.export.selection import Selection


@pytest.fixture(scope="module")
def cells(world: World, tmp_path_factory: pytest.TempPathFactory) -> anndata.AnnData:
    out = tmp_path_factory.mktemp("h5ad") / "cells.h5ad"
    assert export(world, "anndata", out) == 0
    return anndata.read_h5ad(out)


def test_cells_by_features_are_the_runs(world: World, cells: anndata.AnnData) -> None:
    rows = stored(world)
    assert cells.obs_names.tolist() == [str(k) for k in rows.column("event_id").to_pylist()]
    assert {"area_um2", "bright_avg", "side_scatter_sum", "lost_planes"} <= set(cells.var_names)
    assert not {"event_id", "cluster", "novelty", "embedding_0", "time_s"} & set(cells.var_names)
    for k, name in enumerate(cells.var_names):
        expected = np.array([np.nan if v is None else v for v in rows.column(name).to_pylist()], np.float32)
        np.testing.assert_array_equal(cells.X[:, k], expected, err_msg=name)
    assert not {"pc1", "pc2"} & set(cells.var_names)
    covered = {*cells.var_names, *cells.obs.columns, "embedding_0", "embedding_1", *cells.obsm}
    assert covered >= set(rows.column_names)


def test_answers_are_beside(world: World, cells: anndata.AnnData) -> None:
    rows = stored(world)
    np.testing.assert_array_equal(
        cells.obsm["X_embedding"],
        np.stack([np.asarray(rows.column(f"embedding_{k}"), np.float32) for k in range(2)], axis=1),
    )
    pages = world.client.get(world.cells, params={"fields": "pc1,pc2", "limit": 5000}).json()["rows"]
    np.testing.assert_array_equal(
        cells.obsm["X_pca"], np.array([[row["pc1"], row["pc2"]] for row in pages], np.float32)
    )
    for name in ("cluster_posteriors", "class_probabilities"):
        np.testing.assert_array_equal(cells.obsm[name], np.stack(rows.column(name).to_pylist()))
    assert cells.obs["class"].tolist() == rows.column("class").to_pylist()
    assert cells.obs["class"].dtype == "category" and cells.obs["novel"].dtype == bool
    np.testing.assert_array_equal(cells.obs["event_id"], rows.column("event_id"))
    assert list(cells.uns["classes"]) == ["large", "small"]
    assert (cells.uns["run"], cells.uns["origin"]) == (world.run.id, "SIMULATED")


def test_a_part_of_a_run_that_grows_and_nothing_of_it(live_folder, fill, tmp_path: Path) -> None:
    for first in (1, 11, 21):
        fill(live_folder, first, first + 9)
        live_folder.seal()
    path = tmp_path / "a.h5ad"
    write_whole(AnnDataExporter(), Selection(live_folder, "cluster = 1"), path, lambda *_: None)
    read = anndata.read_h5ad(path)
    assert read.n_obs == live_folder.results().cells.page("cluster = 1").total
    assert read.obs["class"].tolist()[:2] == ["odd", "even"]
    with pytest.raises(UnknownCell, match="--where"):
        write_whole(AnnDataExporter(), Selection(live_folder, "novelty > 1e30"), tmp_path / "n.h5ad", lambda *_: None)
    assert list(tmp_path.glob("*.h5ad")) == [path]
