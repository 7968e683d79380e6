"""What a newcomer gets without choosing anything: the shipped models on simulated cells and on the real record."""

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from acquisition.origin import Origin
from inference.shipped import shipped_bundles
from service.run import Run, RunRequest, RunState
from service.runs.control import RunControl

DOCS = Path(__file__).parents[2] / "docs"
RUN_FOLDER_PAGE = DOCS / "run-folder.md"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A simulated run with the default model."""
    with RunControl(tmp_path_factory.mktemp("shipped")) as control:
        run = control.wait(control.start(RunRequest(source="sim:sheet-ci?cells=90&seed=77")).id, 120)
        assert run.state is RunState.DONE and run.error is None
        return run, control.folder(run.id).path


def test_a_model_ships_for_each_instrument_and_says_that_it_learnt_from_simulated_cells() -> None:
    assert shipped_bundles() == ["atom-wbc", "sheet-wbc", "stretch-wbc"]


def test_the_default_model_tells_simulated_cells_apart_better_than_chance(finished: tuple[Run, Path]) -> None:
    run, path = finished
    truth = pq.read_table(path / "truth.parquet").to_pylist()
    cells = {row["event_id"]: row for row in pq.read_table(path / "cells").to_pylist()}
    pairs = [(row["true_kind"], cells[row["event_id"]]["class"]) for row in truth if row["outcome"] == "stored"]
    kinds = sorted({kind for kind, _ in pairs})
    recalls = [np.mean([named == kind for true, named in pairs if true == kind]) for kind in kinds]
    assert len(pairs) == run.ledger.stored > 40
    assert np.mean(recalls) > 1.5 / len(kinds), dict(zip(kinds, recalls, strict=True))


def test_the_example_of_the_run_folder_page_reads_a_run(finished: tuple[Run, Path]) -> None:
    run, path = finished
    example = re.search(r"```python\n(.*?)```", RUN_FOLDER_PAGE.read_text(), re.DOTALL)
    assert example is not None
    code = re.sub(r'Path\("lightline-data/runs/[^"]*"\)', "given", example.group(1))
    found: dict[str, object] = {"given": path}
    exec(code, found)
    assert found["run"]["id"] == run.id
    assert len(found["cells"]["event_id"]) == run.ledger.stored
    assert found["first_image"].shape == (80, 80)


def test_every_column_of_a_run_stands_on_a_page(finished: tuple[Run, Path]) -> None:
    _, path = finished
    page = RUN_FOLDER_PAGE.read_text() + (DOCS / "features.md").read_text()
    known = set(re.findall(r"`([a-z_0-9<>]+)`", page))
    for column in pq.read_table(path / "cells").column_names:
        general = re.sub(r"^embedding_\d+$", "embedding_0", re.sub(r"^side_scatter_", "<channel>_", column))
        assert general in known, f"neither docs/run-folder.md nor docs/features.md mentions {column}"


def test_the_real_droplet_is_stored_with_an_answer_and_called_novel(atom_record: Path, tmp_path: Path) -> None:
    with RunControl(tmp_path) as control:
        run = control.wait(control.start(RunRequest(source=f"atom:{atom_record}")).id, 120)
        assert (run.ledger.detected, run.ledger.stored, run.origin) == (1, 1, Origin.MEASURED)
        cell = control.folder(run.id).results().cell(1)
        assert cell["novel"], "a model of white blood cells must not take an oil droplet for one"
        saliency = control.engine_for(run.id).explain({"line": control.folder(run.id).image(1, "line")[None]})
        assert saliency.saliency.shape == (1, 10, 10) and not saliency.empty.any()
