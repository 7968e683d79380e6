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
from torch import nn
from toy_cells import CHANNEL, QUICK, VOLUME

from inference.bundle import Bundle
from inference.contract import map_names
from inference.engine import Engine
from inference.errors import AnswerError
from inference.training.architecture import Architecture, Network
from inference.training.data import TrainingSet
from inference.training.export import export_graphs
from inference.training.graphs import ExplainGraph, TrainedParts
from inference.training.heads import Head
from inference.training.mixture import Covariance, Mixture
from inference.training.models import Encoders
from inference.training.novelty import MixtureNovelty, NoveltyChoice
from inference.training.reference import Scores, autograd_maps
from inference.training.saliency import Saliency

ARGMAX = -1
CLASSES, CLUSTERS = 3, 4
FLAT = Architecture(CHANNEL, (32, 48), 1, (4, 8, 8, 12), 6, background=1.0, scale=4.0, root=False)
SOLID = Architecture(VOLUME, (32, 16, 48), 2, (4, 6, 8), 5, background=0.0, scale=0.3, root=True)
TABLE1 = Architecture(
    CHANNEL, (24, 40), 1, (4, 6, 8), 6, 1.0, 4.0, root=False, network=Network.MENG_TABLE1, edge=32, by_mean=True
)
OFFICIAL = replace(TABLE1, network=Network.MENG_OFFICIAL, edge=64)
MODELS = {"2d": (FLAT,), "3d": (SOLID,), "fused": (FLAT, SOLID), "table1": (TABLE1,), "official": (OFFICIAL,)}


def parts_of(architectures: tuple[Architecture, ...], saliency: Saliency) -> TrainedParts:
    """A model with statistics as a training may leave them: nothing is 0 or 1, or along an axis."""
    rng, generator = np.random.default_rng(4), torch.Generator().manual_seed(3)
    model = Encoders(architectures, seed=0).eval()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d):
            for values in (part.running_var, part.weight):
                values.data.uniform_(0.2, 3.0, generator=generator)
            for values in (part.running_mean, part.bias):
                values.data.uniform_(-0.5, 1.0, generator=generator)
    size = sum(architecture.latent for architecture in architectures)
    mixture = Mixture(
        centre=rng.normal(size=size),
        spread=rng.uniform(0.3, 2.0, size),
        rotation=np.linalg.qr(rng.normal(size=(size, size)))[0],
        weight=np.array([0.4, 0.3, 0.2, 0.1]),
        mean=rng.normal(size=(CLUSTERS, size)),
        precision_factor=np.linalg.cholesky(
            np.eye(size) + 0.1 * np.einsum("kde,kfe->kdf", *[rng.normal(size=(CLUSTERS, size, size))] * 2)
        ),
        covariance=Covariance.FULL,
        condition=10.0,
        bic={CLUSTERS: 0.0},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        head = Head(size, 8, CLASSES).eval()
    novelty = NoveltyChoice(MixtureNovelty(mixture), {})
    return TrainedParts(model, mixture, head, ("a", "b", "c", "d"), ("x", "y", "z"), novelty, saliency=saliency)


def images_for(parts: TrainedParts, batch: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(batch)
    return {
        name: rng.normal(a.background, 0.3 if a.by_mean else 1, (batch, *a.shape)).astype(np.float32)
        for a in parts.architectures
        for name in a.channels
    }


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    """Largest difference, relative to the largest value of any cell of the batch."""
    return float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-6))


@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("saliency", list(Saliency))
def test_maps_of_classes_and_clusters_equal_autograd_in_double_precision(model: str, saliency: Saliency) -> None:
    parts = parts_of(MODELS[model], saliency)
    graph, back, images = ExplainGraph(parts).eval(), saliency.blocks_back(parts.architectures), images_for(parts, 4)
    exact = {name: stack.astype(np.float64) for name, stack in images.items()}
    inputs, seen = [torch.from_numpy(stack) for stack in images.values()], 0
    for target in range(CLASSES + CLUSTERS):
        with torch.no_grad():
            _, _, _, *maps = graph(*inputs, torch.full((4,), target))
        found = dict(zip(images, maps, strict=True))
        of_cluster = target >= CLASSES
        index = np.full(4, target - CLASSES if of_cluster else target, dtype=np.int64)
        wanted = autograd_maps(parts, exact, index, clusters=of_cluster)
        for architecture in parts.architectures:
            name = architecture.channel
            assert found[name].shape == (4, *architecture.activation_shape(back))
            assert relative(found[name].numpy(), wanted[name]) <= 1e-5
            seen += bool(wanted[name].any())
        if saliency is Saliency.GRAD_CAM and not of_cluster:
            for name, theirs in captum_maps(parts, images, index).items():
                assert relative(found[name].numpy(), theirs) <= 1e-5
    assert seen > CLASSES


@pytest.mark.parametrize("model", ["fused", "official"])
def test_an_exported_graph_gives_the_same_maps_in_any_batch(model: str) -> None:
    parts = parts_of(MODELS[model], Saliency.HIRES_CAM)
    live, explain = export_graphs(parts)
    session = ort.InferenceSession(explain, providers=["CPUExecutionProvider"])
    outputs = map_names(list(parts.model.encoders))
    for graph in (live, explain):
        filters = [node.input[1] for node in onnx.load_from_string(graph).graph.node if node.op_type == "Conv"]
        assert len(filters) == len(set(filters)), "an encoder looks at a cell twice"
    assert {node.name for node in session.get_outputs()} == {
        "class_logits", "embedding", "cluster_posterior", *outputs.values()
    }  # fmt: skip
    for batch in (1, 4, 7):
        images = images_for(parts, batch)
        exact = {name: stack.astype(np.float64) for name, stack in images.items()}
        for target in (0, 2, CLASSES, CLASSES + 3):
            of_cluster = target >= CLASSES
            index = np.full(batch, target - CLASSES if of_cluster else target, dtype=np.int64)
            asked = {**images, "target": np.full(batch, target, dtype=np.int64)}
            wanted = autograd_maps(parts, exact, index, clusters=of_cluster)
            for name, found in zip(outputs, session.run(list(outputs.values()), asked), strict=True):
                assert relative(found, wanted[name]) <= 1e-5


def captum_maps(parts: TrainedParts, images: dict, target: np.ndarray) -> dict[str, np.ndarray]:
    plain, inputs = Scores(parts), tuple(torch.from_numpy(stack) for stack in images.values())
    return {
        name: LayerGradCam(plain, encoder.blocks[-1])
        .attribute(inputs, torch.from_numpy(target), relu_attributions=True)[:, 0]
        .detach()
        .numpy()
        for name, encoder in parts.model.encoders.items()
    }


def test_the_most_likely_is_what_is_explained_where_nothing_is_named(
    toy_engine: Engine, toy_images: np.ndarray
) -> None:
    images = {CHANNEL: toy_images[:9]}
    likely, cluster = toy_engine.explain(images), toy_engine.explain_cluster(images)
    results = toy_engine.answer_arrays(np.arange(9, dtype=np.uint64), images)
    np.testing.assert_array_equal(cluster.target, results.cluster)
    np.testing.assert_array_equal(likely.target, likely.class_logits.argmax(axis=1))
    for explained, ask in ((likely, toy_engine.explain), (cluster, toy_engine.explain_cluster)):
        np.testing.assert_array_equal(explained.saliency, ask(images, explained.target).saliency)
        np.testing.assert_array_equal(explained.empty, ~explained.saliency.any(axis=(1, 2)))
    assert not np.array_equal(likely.saliency, cluster.saliency)


def test_a_posterior_of_almost_one_has_a_map_all_the_same(toy_engine: Engine, toy_images: np.ndarray) -> None:
    images = {CHANNEL: toy_images}
    results = toy_engine.answer_arrays(np.arange(len(toy_images), dtype=np.uint64), images)
    sure = results.cluster_posterior.max(axis=1) == 1
    assert sure.any(), "the log posterior has no gradient there, in single precision"
    assert toy_engine.explain_cluster(images).empty[sure].mean() < 0.5


def test_a_model_of_before_clusters_were_explained_says_so(edited: Callable[..., Bundle], toy_bundle: Bundle) -> None:
    model = onnx.load_from_string(toy_bundle.explain)
    posterior = next(output for output in model.graph.output if output.name == "cluster_posterior")
    model.graph.output.remove(posterior)
    old = [{**spec.model_dump(), "clusters": False} for spec in toy_bundle.contract.saliency]
    engine = Engine(edited(explain=model.SerializeToString(), saliency=old), provider="cpu", threads=1)
    images = {CHANNEL: np.ones((1, 80, 80), dtype=np.float32)}
    assert len(engine.explain(images)) == 1
    with pytest.raises(AnswerError, match="no maps for its clusters; make it again"):
        engine.explain_cluster(images)


def test_every_cell_may_ask_for_another_class(toy_engine: Engine, toy_images: np.ndarray) -> None:
    target = np.array([2, ARGMAX, 0, 1, ARGMAX])
    mixed = toy_engine.explain({CHANNEL: toy_images[:5]}, target)
    for row, wanted in enumerate(target):
        alone = toy_engine.explain({CHANNEL: toy_images[row : row + 1]}, int(wanted))
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
