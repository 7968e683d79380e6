"""The engine answers live: the same for a cell whatever batch it is in, and never for images it was not made for."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper
from toy_cells import CHANNEL, draw_images

from inference import provider as provider_module
from inference.bundle import Bundle
from inference.engine import Engine
from inference.errors import AnswerError, BundleError, ProviderError
from inference.provider import CPU, CUDA, nvidia_device_present
from inference.results import CellResults

ANSWERS = ("embedding", "cluster_posterior", "class_probability", "novelty")


def answered(engine: Engine, images: np.ndarray) -> CellResults:
    return engine.answer_arrays(np.arange(len(images), dtype=np.uint64), {CHANNEL: images})


def test_a_cell_gets_the_same_answer_in_a_batch_of_1_7_and_64(toy_engine: Engine, toy_images: np.ndarray) -> None:
    whole = answered(toy_engine, toy_images[:64])
    for size in (1, 7):
        parts = [answered(toy_engine, toy_images[at : min(at + size, 64)]) for at in range(0, 64, size)]
        joined = CellResults.concatenate(parts)
        np.testing.assert_array_equal(joined.cluster, whole.cluster)
        for name in ANSWERS:
            found, wanted = getattr(joined, name), getattr(whole, name)
            # A matrix product may add up in another order for another batch: the last digit, nothing that is seen.
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6, err_msg=f"{name} at {size}")


def test_more_cells_than_the_largest_batch_come_back_in_order(toy_bundle: Bundle, toy_images: np.ndarray) -> None:
    small = Engine(toy_bundle, provider="cpu", threads=1, batch_sizes=(2, 4))
    large = Engine(toy_bundle, provider="cpu", threads=1, batch_sizes=(128,))
    for name in ANSWERS:
        few, many = getattr(answered(small, toy_images), name), getattr(answered(large, toy_images), name)
        assert len(few) == len(toy_images)
        np.testing.assert_allclose(few, many, rtol=1e-5, atol=1e-5)


def test_threads_that_share_the_cells_answer_in_order_and_whoever_asks(
    toy_bundle: Bundle, toy_images: np.ndarray
) -> None:
    wanted = answered(Engine(toy_bundle, provider="cpu", threads=1), toy_images).embedding
    shared = Engine(toy_bundle, provider="cpu", threads=3)
    for rows in (1, 2, 3, 7, 70):
        found = answered(shared, toy_images[:rows]).embedding
        np.testing.assert_allclose(found, wanted[:rows], rtol=1e-5, atol=1e-5)
    with ThreadPoolExecutor(6) as askers:
        for found in askers.map(lambda _: answered(shared, toy_images).embedding, range(12)):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_no_cells_give_no_answers(toy_engine: Engine, toy_images: np.ndarray) -> None:
    results = answered(toy_engine, toy_images[:0])
    assert len(results) == 0
    assert results.embedding.shape == (0, toy_engine.contract.embedding_size)
    explanation = toy_engine.explain({CHANNEL: toy_images[:0]})
    assert len(explanation) == 0
    assert explanation.saliency.shape == (0, 10, 10)


def test_reconstructed_images_are_answered_with_their_ids(toy_engine: Engine) -> None:
    images, _ = draw_images(10, seed=5)
    results = toy_engine.answer(images)
    np.testing.assert_array_equal(results.event_id, images.event_id)
    np.testing.assert_allclose(results.cluster_posterior.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(results.class_probability.sum(axis=1), 1, rtol=1e-5)


def test_the_provider_reported_is_the_one_that_runs(toy_engine: Engine) -> None:
    assert toy_engine.provider == CPU


@pytest.mark.skipif(nvidia_device_present(), reason="this computer has an NVIDIA device")
class TestWithoutNvidiaDevice:
    def test_auto_runs_on_the_cpu_without_a_word(
        self, toy_bundle: Bundle, toy_images: np.ndarray, capfd: pytest.CaptureFixture[str]
    ) -> None:
        engine = Engine(toy_bundle, provider="auto", threads=1)
        answered(engine, toy_images[:2])
        assert engine.provider == CPU
        assert capfd.readouterr() == ("", "")

    def test_demanding_cuda_fails_at_once(self, toy_bundle: Bundle) -> None:
        with pytest.raises(ProviderError, match="no NVIDIA device"):
            Engine(toy_bundle, provider="cuda")

    @pytest.mark.skipif(CUDA not in ort.get_available_providers(), reason="ONNX Runtime is built without CUDA")
    def test_a_device_whose_libraries_are_missing_is_not_believed(
        self, toy_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        # What ONNX Runtime really does on a computer with a device but no CUDA libraries: it falls back silently.
        monkeypatch.setattr(provider_module, "nvidia_device_present", lambda: True)
        assert Engine(toy_bundle, provider="auto").provider == CPU
        with pytest.raises(ProviderError, match="fell back"):
            Engine(toy_bundle, provider="cuda")
        assert capfd.readouterr().out == "", "standard output belongs to the command's own answer"


@pytest.mark.skipif(not nvidia_device_present(), reason="this computer has no NVIDIA device")
def test_cuda_answers_as_the_cpu_does(toy_bundle: Bundle, toy_engine: Engine, toy_images: np.ndarray) -> None:
    engine = Engine(toy_bundle, provider="cuda")
    assert engine.provider == CUDA
    for name in ANSWERS:
        found, wanted = (getattr(answered(e, toy_images), name) for e in (engine, toy_engine))
        np.testing.assert_allclose(found, wanted, rtol=1e-2, atol=1e-2)


def test_an_unknown_provider_is_refused(toy_bundle: Bundle) -> None:
    with pytest.raises(AnswerError, match="use one of auto, cpu, cuda"):
        Engine(toy_bundle, provider="gpu")


def test_a_missing_channel_is_named(toy_engine: Engine) -> None:
    with pytest.raises(AnswerError, match="needs images of 'transmission'"):
        toy_engine.answer_arrays(np.zeros(1, dtype=np.uint64), {"line": np.zeros((1, 80, 80))})


@pytest.mark.parametrize("shape", [(2, 80, 80), (1, 64, 64), (1, 1, 80, 80), (80, 80)])
def test_images_of_another_shape_are_refused(toy_engine: Engine, shape: tuple[int, ...]) -> None:
    with pytest.raises(AnswerError, match="must have the shape"):
        toy_engine.answer_arrays(np.zeros(1, dtype=np.uint64), {CHANNEL: np.zeros(shape)})


@pytest.mark.parametrize("target", [3, -2, 0.5, [0, 1]])
def test_a_target_that_does_not_exist_is_refused(toy_engine: Engine, target: object) -> None:
    with pytest.raises(AnswerError, match="target"):
        toy_engine.explain({CHANNEL: np.ones((3, 80, 80))}, target)


def test_several_threads_get_their_own_answers(toy_bundle: Bundle, toy_images: np.ndarray) -> None:
    engine = Engine(toy_bundle, provider="cpu", threads=1)
    wanted, found = answered(engine, toy_images[:8]).embedding, {}

    def ask(row: int) -> None:
        engine.explain({CHANNEL: toy_images[row : row + 1]})
        found[row] = answered(engine, toy_images[row : row + 1]).embedding[0]

    threads = [threading.Thread(target=ask, args=(row,)) for row in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(np.stack([found[row] for row in range(8)]), wanted)


def test_warming_runs_every_size(toy_bundle: Bundle) -> None:
    engine = Engine(toy_bundle, provider="cpu", threads=1, batch_sizes=(4, 1, 4))
    engine.warm()
    assert engine.batch_sizes == (1, 4)


def changed_graph(graph: bytes, change: Callable[[onnx.ModelProto], None]) -> bytes:
    model = onnx.load_from_string(graph)
    change(model)
    return model.SerializeToString()


def with_nan(model: onnx.ModelProto) -> None:
    floats = [t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT and t.dims]
    for tensor in floats:
        values = numpy_helper.to_array(tensor).copy()
        values[...] = np.nan
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def with_foreign_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 999


def with_other_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 64


def with_fixed_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3


def with_custom_node(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "evil.custom"
    model.opset_import.add(domain="evil.custom", version=1)


@pytest.mark.parametrize("change", [with_nan, with_foreign_opset, with_other_input, with_fixed_batch, with_custom_node])
@pytest.mark.parametrize("graph", ["live", "explain"])
def test_a_graph_that_breaks_the_contract_is_refused(
    edited: Callable[..., Bundle], toy_bundle: Bundle, graph: str, change: Callable[[onnx.ModelProto], None]
) -> None:
    lying = edited(**{graph: changed_graph(getattr(toy_bundle, graph), change)})
    with pytest.raises(BundleError) as error:
        Engine(Bundle.from_bytes(lying.to_bytes()), provider="cpu").warm()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"embedding_size": 7},
        {"clusters": ("a", "b")},
        {"classes": ("a", "b", "c", "d"), "conformal": None},
        {"inputs": [{"channel": "line", "shape": (80, 80), "pixel_um": 0.25}]},
    ],
)
def test_a_contract_that_promises_other_answers_is_refused(
    edited: Callable[..., Bundle], toy_bundle: Bundle, fields: dict[str, object]
) -> None:
    saliency = toy_bundle.contract.saliency[0].model_dump()
    if "inputs" in fields:
        fields = {**fields, "saliency": [{**saliency, "channel": "line"}]}
    with pytest.raises(BundleError, match="does not keep its contract"):
        Engine(edited(**fields), provider="cpu")


def test_what_is_no_graph_is_refused(edited: Callable[..., Bundle]) -> None:
    with pytest.raises(BundleError, match=r"cannot open live\.onnx"):
        Engine(edited(live=b"not a graph"), provider="cpu")


def test_answering_needs_no_training_library(toy_bundle: Bundle, tmp_path: Path) -> None:
    """Acquisition computers have neither torch nor onnx nor scikit-learn."""
    file = toy_bundle.save(tmp_path / "toy.bundle")
    script = (
        "import sys, numpy as np\n"
        "import inference.report, inference.saliency, inference.shipped\n"
        "from inference.bundle import Bundle\n"
        "from inference.engine import Engine\n"
        f"engine = Engine(Bundle.load({str(file)!r}), provider='cpu', threads=1)\n"
        "engine.warm()\n"
        "engine.explain({'transmission': np.ones((1, 80, 80))})\n"
        "print([name for name in ('torch', 'onnx', 'onnxscript', 'sklearn', 'scipy') if name in sys.modules])\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert said.stdout.strip() == "[]"
    assert said.stderr == ""
