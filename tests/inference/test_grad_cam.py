"""The heat map is the reason shown to a biologist: it must be the gradient's, not an approximation of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from captum.attr import LayerGradCam
from onnx import numpy_helper
from toy_cells import CHANNEL, QUICK, VOLUME, draw_set

from inference.bundle import Bundle
from inference.contract import map_names
from inference.engine import Engine
from inference.training.data import TrainingSet
from inference.training.export import export_graphs
from inference.training.graphs import TrainedParts
from inference.training.reference import Scores, autograd_maps
from inference.training.split import RunSplit
from inference.training.train import train_parts

ARGMAX = -1


@pytest.fixture(scope="module")
def parts() -> TrainedParts:
    """A network of full size, with normalisation statistics and a latent spread as training leaves them."""
    cells = draw_set(150, 7)
    options = replace(QUICK, latent=12, widths=(16, 32, 64, 128), epochs=2)
    return train_parts(RunSplit(cells, cells, cells), options)


@pytest.fixture(scope="module")
def engine(parts: TrainedParts, toy_bundle: Bundle) -> Engine:
    live, explain = export_graphs(parts)
    kept = toy_bundle.contract.model_dump(exclude={"sha256", "digest"})
    return Engine(Bundle.build({**kept, "embedding_size": 12}, live, explain), provider="cpu", threads=1)


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-6))


@pytest.mark.parametrize("batch", [1, 4, 7])
@pytest.mark.parametrize("target", [0, 1, 2, ARGMAX])
def test_the_explain_graph_equals_autograd_and_captum(
    parts: TrainedParts, engine: Engine, toy_images: np.ndarray, batch: int, target: int
) -> None:
    images = toy_images[:batch]
    explanation = engine.explain({CHANNEL: images}, target)
    logits = Scores(parts)(torch.from_numpy(images)).detach().numpy()
    chosen = logits.argmax(axis=1) if target == ARGMAX else np.full(batch, target)
    np.testing.assert_array_equal(explanation.target, chosen)
    assert relative(explanation.class_logits, logits) <= 1e-5

    wanted = autograd_maps(parts, {CHANNEL: images}, chosen)[CHANNEL]
    assert explanation.saliency.shape == (batch, 5, 5)
    assert relative(explanation.saliency, wanted) <= 1e-5
    np.testing.assert_array_equal(explanation.empty, ~wanted.any(axis=(1, 2)))

    captum = LayerGradCam(Scores(parts), parts.model.encoders[CHANNEL].blocks)
    reference = captum.attribute(torch.from_numpy(images), torch.from_numpy(chosen), relu_attributions=True)
    assert relative(explanation.saliency, reference[:, 0].detach().numpy()) <= 1e-5


@pytest.mark.parametrize("channels", [(VOLUME,), (CHANNEL, VOLUME)])
def test_maps_over_volumes_and_over_both_equal_autograd_and_captum(channels: tuple[str, ...]) -> None:
    cells = draw_set(150, 7, channels=channels)
    trained = train_parts(RunSplit(cells, cells, cells), replace(QUICK, epochs=2))
    session = ort.InferenceSession(export_graphs(trained)[1], providers=["CPUExecutionProvider"])
    names = {node.name for node in session.get_outputs()}
    assert names == {"class_logits", "embedding", *map_names(channels).values()}
    plain = Scores(trained)
    for batch in (1, 4, 7):
        images = cells.as_given(slice(batch))
        for wanted in range(3):
            target = np.full(batch, wanted, dtype=np.int64)
            references = autograd_maps(trained, images, target)
            inputs = tuple(torch.from_numpy(images[name]) for name in channels)
            for name, output in map_names(channels).items():
                (found,) = session.run([output], {**images, "target": target})
                assert relative(found, references[name]) <= 1e-5
                captum = LayerGradCam(plain, trained.model.encoders[name].blocks)
                theirs = captum.attribute(inputs, torch.from_numpy(target), relu_attributions=True)
                assert relative(found, theirs[:, 0].detach().numpy()) <= 1e-5


def test_every_cell_may_ask_for_another_class(engine: Engine, toy_images: np.ndarray) -> None:
    target = np.array([2, ARGMAX, 0, 1, ARGMAX])
    mixed = engine.explain({CHANNEL: toy_images[:5]}, target)
    for row, wanted in enumerate(target):
        alone = engine.explain({CHANNEL: toy_images[row : row + 1]}, int(wanted))
        assert mixed.target[row] == alone.target[0]
        np.testing.assert_allclose(mixed.saliency[row], alone.saliency[0], rtol=1e-4, atol=1e-6)


def test_a_map_where_nothing_speaks_for_the_class_is_flagged_empty(
    edited: Callable[..., Bundle], toy_bundle: Bundle, toy_images: np.ndarray
) -> None:
    model = onnx.load_from_string(toy_bundle.explain)
    last = next(t for t in model.graph.initializer if t.name.endswith("head.second.weight"))
    last.CopyFrom(numpy_helper.from_array(np.zeros_like(numpy_helper.to_array(last)), last.name))
    explanation = Engine(edited(explain=model.SerializeToString()), provider="cpu").explain({CHANNEL: toy_images[:3]})
    assert not explanation.saliency.any()
    assert explanation.empty.tolist() == [True] * 3


def test_live_and_explain_graph_agree_on_the_cell(toy_engine: Engine, toy_images: np.ndarray) -> None:
    results = toy_engine.answer_arrays(np.arange(9, dtype=np.uint64), {CHANNEL: toy_images[:9]})
    explanation = toy_engine.explain({CHANNEL: toy_images[:9]})
    np.testing.assert_array_equal(explanation.target, results.class_probability.argmax(axis=1))
    softmax = np.exp(explanation.class_logits - explanation.class_logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(softmax / softmax.sum(axis=1, keepdims=True), results.class_probability, atol=1e-5)


def test_without_labels_the_clusters_are_explained(toy_set: TrainingSet, unlabelled_bundle: Bundle) -> None:
    engine = Engine(unlabelled_bundle, provider="cpu", threads=1)
    images = toy_set.images[CHANNEL][:30]
    results = engine.answer_arrays(np.arange(30, dtype=np.uint64), {CHANNEL: images})
    explanation = engine.explain({CHANNEL: images})
    assert results.class_probability.shape == (30, 0)
    assert engine.contract.classes == ()
    assert engine.contract.targets == engine.contract.clusters
    assert (explanation.target == results.cluster).mean() > 0.9
    assert QUICK.clusters == explanation.class_logits.shape[1]
