"""Real images seen through simulated optics are neither measured nor made up: every place that says so must agree."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from acquisition.origin import Origin
from acquisition.source import blocks, open_source
from acquisition.trace import TraceReader, TraceWriter
from inference.training.data import TrainingSet
from service.cli.collect import collect
from service.cli.model_kinds import KINDS, Wanted
from service.run import RunRequest
from service.runs.control import RunControl

FLAT = Wanted(KINDS["dcae2d"])


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A source of two classes of drawn, speckled cells, as a user's own images would come."""
    path = tmp_path_factory.mktemp("images") / "mine.zip"
    y, x = np.indices((96, 96)) - 47.5
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as out:
        for k in range(6):
            kind, radius = ("small", 16) if k % 2 else ("large", 22)
            inside = np.hypot(y, x) < radius
            picture = np.where(inside, 140 + 25 * rng.standard_normal((96, 96)), 210).clip(0, 255)
            data = io.BytesIO()
            Image.fromarray(picture.astype(np.uint8)).save(data, "PNG")
            out.writestr(f"{kind}/{k}.png", data.getvalue())
    return f"sim:sheet-ci?phantoms={path}&pixel_um=0.25&rate=8&cells=6&seed=2"


def test_a_recording_of_a_semi_real_stream_stays_semi_real_when_it_is_replayed(url: str, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with open_source(url) as source, TraceWriter(path, source.instrument, origin=source.origin) as writer:
        source.start()
        for block in blocks(source):
            writer.append(block)
    with TraceReader(path) as reader:
        assert reader.origin is Origin.SEMI_REAL
    with open_source(str(path)) as replayed:
        assert replayed.origin is Origin.SEMI_REAL


def test_a_run_says_semi_real_and_keeps_the_labels_of_the_images(url: str, bundle_file: Path, tmp_path: Path) -> None:
    with RunControl(tmp_path) as control:
        started = control.start(RunRequest(source=url, bundle=str(bundle_file)))
        run = control.wait(started.id, 120)
        status = control.status()
        folder = control.folder(run.id).path
    assert run.error is None and run.ledger.stored >= 3
    assert (run.origin, status.origin) == (Origin.SEMI_REAL, Origin.SEMI_REAL)
    assert json.loads((folder / "run.json").read_text())["origin"] == "semi-real"
    kinds = pq.read_table(folder / "truth.parquet").column("true_kind").to_pylist()
    assert set(kinds) - {""} == {"small", "large"}


def test_what_is_learnt_from_real_images_says_so_and_simulated_cells_among_them_outweigh(url: str) -> None:
    semi_real = collect(url, 10, FLAT, _unheard)
    assert (semi_real.origin, semi_real.label_names) == (Origin.SEMI_REAL, ("large", "small"))
    simulated = collect("sim:sheet-ci?cells=3&seed=1", 3, FLAT, _unheard)
    assert TrainingSet.concatenate([semi_real, simulated]).origin is Origin.SIMULATED


def _unheard(_done: int, _most: int) -> None:
    """Nobody watches."""
