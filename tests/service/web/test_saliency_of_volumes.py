"""The evidence of a model that looks at image and volume: a map over each, shown as the volume is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from served import World, service_on
from stored_run import make_run

from acquisition.origin import Origin
from inference.training.data import TrainingSet
from inference.training.options import TrainingOptions
from inference.training.train import train_bundle
from service.runs.control import RUNS
from service.store.run_folder import RunFolder

FLAT, SOLID = "transmission", "side_scatter"


def noise(run: str, seed: int) -> TrainingSet:
    """Nothing to learn from, in the shape of cells."""
    rng = np.random.default_rng(seed)
    flat = rng.normal(1.0, 0.1, (40, 80, 80)).astype(np.float32)
    solid = rng.normal(0.0, 5.0, (40, 40, 40, 40)).astype(np.float16)
    return TrainingSet(
        images={FLAT: flat, SOLID: solid},
        pool={FLAT: 1, SOLID: 2},
        label=np.arange(40, dtype=np.int32) % 2,
        label_names=("even", "odd"),
        run=np.zeros(40, dtype=np.int32),
        run_names=(run,),
        pixel_um=0.25,
        instrument_kind="light_sheet",
        origin=Origin.SIMULATED,
    )


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service whose run was answered by a model of image and volume, which has learnt nothing."""
    data: Path = tmp_path_factory.mktemp("fused") / "data"
    options = TrainingOptions(
        latent=4, widths=(4, 4, 4, 4), volume_widths=(4, 4, 4), clusters=2, epochs=1, head_epochs=2, progress=False
    )
    bundle = train_bundle(TrainingSet.concatenate([noise("a", 1), noise("b", 2)]), options)
    run = make_run(data)
    folder = RunFolder.open(data / RUNS / run.id)
    bundle.save(folder.results().bundle_path())
    run = run.model_copy(update={"bundle": bundle.contract.name, "bundle_digest": bundle.digest})
    folder.save_run(run)
    folder.close()
    with service_on(data, run) as serving:
        yield serving


def test_there_is_a_map_over_each_channel(fused: World) -> None:
    base = f"{fused.cells}/{fused.first_cell()}"
    about = fused.client.get(f"{base}/saliency", params={"channel": SOLID}).json()
    assert (about["channel"], about["channels"]) == (SOLID, [FLAT, SOLID])
    assert fused.client.get(f"{base}/saliency").json()["channel"] == FLAT
    shapes = [
        np.load(io.BytesIO(fused.client.get(f"{base}/saliency.npy", params={"channel": channel}).content)).shape
        for channel in (FLAT, SOLID)
    ]
    assert shapes == [(10, 10), (10, 10, 10)]


def test_a_cluster_has_a_map_of_its_own_beside_the_class(fused: World) -> None:
    base = f"{fused.cells}/{fused.first_cell()}"
    answers = fused.client.get(f"{base}/answers").json()
    assert answers["explained_clusters"] == answers["clusters"]
    likely = fused.client.get(f"{base}/saliency", params={"cluster": -1}).json()
    assert (likely["of"], likely["name"]) == ("cluster", answers["clusters"][likely["target"]])
    assert likely["target"] == int(np.argmax(answers["cluster_posterior"]))
    assert fused.client.get(f"{base}/saliency").json()["of"] == "target"
    one, other, of_class = (
        np.load(io.BytesIO(fused.client.get(f"{base}/saliency.npy", params=asked).content))
        for asked in ({"cluster": 0}, {"cluster": 1}, {"target": 0})
    )
    assert not np.array_equal(one, other) and not np.array_equal(one, of_class)
    beyond = fused.client.get(f"{base}/saliency.png", params={"cluster": 2})
    assert beyond.status_code == 422 and "no such cluster" in beyond.json()["detail"]


@pytest.mark.parametrize("view", [{}, {"axis": "z"}, {"z": 40}])
def test_a_map_over_a_volume_is_shown_as_the_volume_is(fused: World, view: dict[str, str | int]) -> None:
    base = f"{fused.cells}/{fused.first_cell()}"
    plain = fused.client.get(f"{base}/saliency.png", params={"channel": SOLID, **view, "opacity": 0}).content
    grey = np.asarray(Image.open(io.BytesIO(plain)))
    image = np.asarray(Image.open(io.BytesIO(fused.client.get(f"{base}/channels/{SOLID}.png", params=view).content)))
    np.testing.assert_array_equal(grey[..., 0], image)


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"channel": "gfp"}, f"{FLAT}, {SOLID}"), ({"z": 3}, "flat"), ({"channel": SOLID, "z": 80}, "79")],
)
def test_a_map_that_does_not_exist_is_refused(fused: World, asked: dict[str, str | int], said: str) -> None:
    answer = fused.client.get(f"{fused.cells}/{fused.first_cell()}/saliency.png", params=asked)
    assert answer.status_code == 422 and said in answer.json()["detail"]
