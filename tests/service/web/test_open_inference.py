"""Other programs ask the service's models by the protocol that they know, and for the reason of an answer beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from served import World

from inference.bundle import Bundle
from inference.engine import Engine
from inference.shipped import bundle_file

MODEL = "/v2/models/sheet-wbc"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Bundle.load(bundle_file("sheet-wbc")), provider="cpu")


def images(cells: int) -> np.ndarray:
    return np.random.default_rng(3).normal(1, 0.1, (cells, 80, 80)).astype(np.float32)


def request(array: np.ndarray, **more: Any) -> dict[str, Any]:
    tensor = {"name": "transmission", "shape": list(array.shape), "datatype": "FP32", "data": array.ravel().tolist()}
    return {"inputs": [tensor], **more}


def outputs(answer: dict[str, Any]) -> dict[str, np.ndarray]:
    return {one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in answer["outputs"]}


def test_the_server_and_its_models_say_what_they_are(world: World, engine: Engine) -> None:
    assert world.stranger.get("/v2").json()["extensions"] == ["explain"]
    assert world.stranger.get("/v2/health/live").json() == {"live": True}
    assert world.stranger.get("/v2/health/ready").json() == {"ready": True}
    about = world.client.get(MODEL).json()
    assert about["inputs"] == [{"name": "transmission", "datatype": "FP32", "shape": [-1, 80, 80]}]
    assert about["versions"] == [engine.bundle.digest[:12]] and about["platform"] == "onnx_onnxv1"
    assert about["properties"]["provider"] == engine.provider
    shapes = {one["name"]: one["shape"] for one in about["outputs"]}
    assert shapes["novelty"] == [-1] and shapes["class_probability"] == [-1, len(engine.contract.classes)]
    assert world.client.get(f"{MODEL}/versions/{about['versions'][0]}/ready").json() == {"ready": True}


def test_answers_are_those_of_the_engine(world: World, engine: Engine) -> None:
    array = images(5)
    answer = world.client.post(f"{MODEL}/infer", json=request(array, id="mine")).json()
    assert (answer["id"], answer["model_name"]) == ("mine", "sheet-wbc")
    expected = engine.answer_arrays(np.arange(5, dtype=np.uint64), {"transmission": array})
    found = outputs(answer)
    for name in ("embedding", "cluster_posterior", "class_probability", "novelty"):
        np.testing.assert_allclose(found[name], getattr(expected, name), rtol=1e-5, atol=1e-6)
    nested = {"inputs": [{**request(array)["inputs"][0], "data": array.tolist()}], "outputs": [{"name": "novelty"}]}
    again = outputs(world.client.post(f"{MODEL}/infer", json=nested).json())
    assert list(again) == ["novelty"]
    np.testing.assert_allclose(again["novelty"], expected.novelty, rtol=1e-5)


def test_reasons_are_those_of_the_engine(world: World, engine: Engine) -> None:
    array = images(2)
    body = request(array, parameters={"target": 1})
    found = outputs(world.client.post(f"{MODEL}/explain", json=body).json())
    expected = engine.explain({"transmission": array}, 1)
    assert found["target"].tolist() == [1, 1]
    np.testing.assert_allclose(found["saliency_transmission"], expected.saliency, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v2/models/nope/infer", request(images(1)), 404),
        (f"{MODEL}/versions/1/infer", request(images(1)), 404),
        ("/v2/models/..%2F..%2Fetc/infer", request(images(1)), 404),
        (f"{MODEL}/infer", request(images(1)[:, :40]), 422),
        (f"{MODEL}/infer", {"inputs": [{**request(images(1))["inputs"][0], "data": [1, 2]}]}, 422),
        (f"{MODEL}/infer", {"inputs": [{**request(images(1))["inputs"][0], "data": [[1], [2, 3]]}]}, 422),
        (f"{MODEL}/infer", {"inputs": [{**request(images(1))["inputs"][0], "data": ["a"]}]}, 422),
        (f"{MODEL}/infer", {"inputs": [{**request(images(1))["inputs"][0], "name": "other"}]}, 422),
        (f"{MODEL}/infer", {"inputs": [{**request(images(1))["inputs"][0], "shape": [300, 80, 80]}]}, 422),
        (f"{MODEL}/infer", request(images(1), outputs=[{"name": "nope"}]), 422),
        (f"{MODEL}/explain", request(images(1), parameters={"target": 99}), 422),
        (f"{MODEL}/infer", {"inputs": []}, 422),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(world: World, path: str, body: dict[str, Any], status: int) -> None:
    answer = world.client.post(path, json=body)
    assert answer.status_code == status
    assert answer.json()["error"] == answer.json()["detail"] != ""
    assert world.stranger.post(path, json=body).status_code in (401, 404)


def test_images_may_be_larger_than_other_requests_but_not_endless(world: World) -> None:
    large = request(images(40))
    assert world.client.post(f"{MODEL}/infer", json=large).status_code == 200
    assert world.client.post(f"{MODEL}/infer", content=b" " * (17 << 20)).status_code == 413
