"""A report that is sent to a colleague must show everything on a computer with no network, and hide no warning."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_bundle import tiny_bundle

from acquisition.origin import Origin
from inference.training.data import TrainingSet
from service.cli import main

NAMES = ("dense", "thin")


def drawn(run: str, seed: int) -> TrainingSet:
    """Discs of two darknesses, 12 of each."""
    rng = np.random.default_rng(seed)
    label = np.arange(24, dtype=np.int32) % 2
    y, x = np.mgrid[0:80, 0:80] - 39.5
    disc = np.hypot(y, x) < 18
    stack = 1 - disc * np.where(label, 0.2, 0.6)[:, None, None] + rng.normal(0, 0.02, (24, 80, 80))
    return TrainingSet(
        images={"transmission": stack.astype(np.float32)},
        pool={"transmission": 1},
        label=label,
        label_names=NAMES,
        run=np.zeros(24, dtype=np.int32),
        run_names=(run,),
        pixel_um=0.25,
        instrument_kind="light_sheet",
        origin=Origin.SIMULATED,
    )


def evaluate(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", "from service.cli import main; main(prog_name='lightline')"]
    call = [*command, "evaluate", *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, cwd=folder, timeout=200, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    tiny_bundle().save(place / "tiny.bundle")
    for i, run in enumerate(("one", "<two>")):
        drawn(run, i).save(place / f"{i}.npz")
    replace(drawn("three", 3), pixel_um=0.5).save(place / "coarse.npz")
    return place


@pytest.fixture(scope="module")
def report(folder: Path) -> str:
    options = ("--out", "r.html", "--json", "r.json", "--map-cells", 2, "--gallery", 2, "--mask-study")
    options += ("--explain", "e.html", "--beside", "tiny.bundle")
    done = evaluate(folder, "tiny.bundle", "0.npz", "1.npz", *options, "--embedding", "pca")
    assert done.returncode == 0, done.stderr
    assert "hand made features" in done.stdout
    return (folder / "r.html").read_text(encoding="utf-8")


def test_the_report_needs_nothing_but_itself(report: str) -> None:
    assert "<script" not in report and "http" not in report and "@import" not in report
    sources = re.findall(r'src="([^"]{0,30})', report)
    assert len(sources) > 10 and all(source.startswith("data:image/png;base64,") for source in sources)


def test_the_report_shows_every_part_and_escapes_names(report: str) -> None:
    for heading in ("Against the truth", "Embedding", "What the model sees", "Can the maps be trusted?", "masks prove"):
        assert heading in report
    assert "&lt;two&gt;" in report and "<two>" not in report


def test_an_explanation_sets_all_maps_of_classes_and_cells_side_by_side(report: str, folder: Path) -> None:
    page = (folder / "e.html").read_text(encoding="utf-8")
    assert "<script" not in page and "http" not in page and "&lt;two&gt;" in page and "<two>" not in page
    assert re.findall("<h2>Taken for ([a-z]+)", page) and re.findall("<h2>Cell [0-9]+, truly (dense|thin)</h2>", page)
    for said in (
        "occlusion",
        "covering",
        "better than a random map",
        "random maps stay below",
        "share inside the cell",
    ):
        assert said in page
    assert "None of these bundles names concepts or factors" in page
    assert "Can the maps be trusted?" in page, "deletion, insertion and shuffled weights of the whole model"


def test_the_numbers_are_there_for_machines(report: str, folder: Path) -> None:
    numbers = json.loads((folder / "r.json").read_text())
    assert numbers["cells"] == numbers["labelled"] == 48 and numbers["runs"] == ["one", "<two>"]
    assert numbers["controls"]["hand_made_features"]["balanced_accuracy"] == 1.0
    assert numbers["shuffled_weights"] == {}, "this graph was not exported by Lightline"


@pytest.mark.parametrize(
    ("cells", "out", "said"),
    [("coarse.npz", "x.html", "at 0.25 µm, but"), ("0.npz", "nowhere/x.html", "There is no folder")],
)
def test_wrong_cells_and_places_are_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], cells: str, out: str, said: str
) -> None:
    call = ["evaluate", str(folder / "tiny.bundle"), str(folder / cells), "--out", str(folder / out)]
    assert main(call, standalone_mode=False) == 2
    assert said in capsys.readouterr().err and not (folder / out).exists()


def test_what_cannot_be_explained_is_said_before_anything_is_judged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_bundle(channel="fluorescence").save(folder / "other.bundle")
    base = ["evaluate", str(folder / "tiny.bundle"), str(folder / "0.npz"), "--out", str(folder / "x.html")]
    base += ["--explain", str(folder / "y.html"), "--map-cells", "0", "--embedding", "pca"]
    for wish, said in (
        (["--class", "monkey"], "called 'monkey'"),
        (["--cell", "24"], "counted from 0 to 23"),
        (["--beside", str(folder / "other.bundle")], "needs images of 'fluorescence', but there are transmission"),
    ):
        assert main([*base, *wish], standalone_mode=False) == 2
        assert said in capsys.readouterr().err
        assert not (folder / "x.html").exists() and not (folder / "y.html").exists()
