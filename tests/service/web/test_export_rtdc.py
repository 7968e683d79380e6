"""dclab opens what we write, finds nothing wrong with it, and measures in the pictures what stands beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import dclab
import h5py
import numpy as np
import pytest
from dclab.features.bright import get_bright
from dclab.rtdc_dataset.check import check_dataset
from exporting import export, run_folder, stored
from served import World

from reconstruction.features.image import find_object
from service.export.rtdc import DCLAB_NAMES, GREY_OF_EMPTY_BEAM, score_codes
from service.store.run_folder import RunFolder

TOLD = {"channel width": 20, "flow rate": 0.04, "flow rate sample": 0.01, "flow rate sheath": 0.03}
FEATURES = Path(__file__).parents[3] / "docs" / "features.md"


@pytest.fixture(scope="module")
def cells(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rtdc") / "cells.rtdc"
    told = [option for key, value in TOLD.items() for option in ("--setup", f"{key}={value}")]
    assert export(world, "rtdc", out, *told) == 0
    return out


def test_dclab_finds_nothing_wrong(world: World, cells: Path, tmp_path: Path) -> None:
    violations, alerts, _ = check_dataset(cells)
    assert (violations, alerts) == ([], [])
    # Nothing is made up where nobody told it: these four numbers alone are then missed.
    assert export(world, "rtdc", tmp_path / "untold.rtdc") == 0
    violations, alerts, _ = check_dataset(tmp_path / "untold.rtdc")
    assert violations == [] and alerts and all("nan" in alert for alert in alerts)


def test_features_are_the_runs_under_the_names_that_the_page_of_features_gives(world: World, cells: Path) -> None:
    rows = stored(world)
    with dclab.new_dataset(cells) as ds:
        assert len(ds) == rows.num_rows
        for ours, theirs in DCLAB_NAMES.items():
            assert theirs in ds.features_innate
            scale = GREY_OF_EMPTY_BEAM if ours.startswith("bright") else 1.0
            np.testing.assert_allclose(ds[theirs][:], np.asarray(rows.column(ours), float) * scale, rtol=1e-6)
        np.testing.assert_allclose(ds["time"][:], rows.column("time_s"), atol=1e-6)
        assert ds.config["user"]["lightline origin"] == "SIMULATED"
        assert ds.config["experiment"]["run identifier"] == world.run.id
        assert json.loads("".join(ds.logs["lightline-run"]))["id"] == world.run.id
    listed = re.findall(r"^\| (`[^|]+) \|[^|]*\|[^|]*\|[^|]*\| (`[^|]+`|the same) \|$", FEATURES.read_text(), re.M)
    of_page = {
        ours: ours if theirs == "the same" else theirs.strip("`")
        for names, theirs in listed
        for ours in re.findall(r"`(\w+)`", names)
    }
    assert of_page == DCLAB_NAMES


def test_images_and_masks_are_those_that_were_measured_in(world: World, cells: Path) -> None:
    folder = RunFolder.open(run_folder(world))
    rows = stored(world).to_pylist()
    with dclab.new_dataset(cells) as ds:
        for k, row in enumerate(rows):
            image = folder.image(row["event_id"], "transmission")
            assert np.abs(ds["image"][k] / GREY_OF_EMPTY_BEAM - np.clip(image, 0, 2.55)).max() <= 0.5 / 100 + 1e-6
            np.testing.assert_array_equal(ds["mask"][k], find_object(image).inside)
            mean, sd = get_bright(ds["mask"][k], ds["image"][k], ret_data="avg,sd")
            assert mean == pytest.approx(ds["bright_avg"][k], abs=0.2)
            assert sd == pytest.approx(ds["bright_sd"][k], abs=0.2)
    folder.close()


def test_dclab_measures_the_same_shapes_in_the_masks(cells: Path, tmp_path: Path) -> None:
    """Of a file that holds images and masks alone, dclab makes the shapes itself."""
    names = ("inert_ratio_cvx", "inert_ratio_raw", "inert_ratio_prnc", "tilt")
    bare = tmp_path / "bare.rtdc"
    with h5py.File(cells) as file, h5py.File(bare, "w") as other:
        other.attrs.update(file.attrs)
        for name in ("image", "mask", "frame"):
            file.copy(f"events/{name}", other.require_group("events"))
        expected = {name: file["events"][name][:] for name in names}
    with dclab.new_dataset(bare) as ds:
        for name in names:
            np.testing.assert_allclose(ds[name][:], expected[name], rtol=0.01, atol=1e-3, err_msg=name)


def test_classes_are_those_of_the_run_in_dclabs_order(world: World, cells: Path) -> None:
    rows = stored(world)
    with dclab.new_dataset(cells) as ds:
        codes = json.loads(ds.tables["lightline"].meta["classes"])
        assert codes == {"large": "lar", "small": "sma"}
        scores = np.stack(rows.column("class_probabilities").to_pylist())
        np.testing.assert_allclose(ds["ml_score_lar"][:], scores[:, 0], atol=1e-6)
        order = sorted(codes, key=lambda name: codes[name])
        assert [order[int(k)] for k in ds["ml_class"][:]] == rows.column("class").to_pylist()
        table = ds.tables["lightline"]
        np.testing.assert_array_equal(table["event_id"], rows.column("event_id"))
        np.testing.assert_allclose(table["novelty"], rows.column("novelty"))
    assert score_codes(["T cell", "t-cell", "B", "µ"]) == {"T cell": "tce", "t-cell": "t01", "B": "bxx", "µ": "xxx"}


def test_rejected_events_have_their_images_too(world: World, tmp_path: Path) -> None:
    assert export(world, "rtdc", tmp_path / "r.rtdc", "--rejected") == 0
    with dclab.new_dataset(tmp_path / "r.rtdc") as ds:
        assert len(ds) == len(ds["image"]) == stored(world, "rejected").num_rows and "ml_class" not in ds


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--setup", "flow rate=fast"], "flow rate"),
        (["--setup", "objective=20x"], "objective"),
        (["--setup", "flow rate"], "KEY=VALUE"),
        (["--where", "diameter_um > 900"], "--where"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_no_file(
    world: World, tmp_path: Path, options: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(world, "rtdc", tmp_path / "x.rtdc", *options) == 2
    assert named in capsys.readouterr().err.strip().splitlines()[-1]
    assert not list(tmp_path.iterdir())
