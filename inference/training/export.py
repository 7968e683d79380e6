"""The two graphs as ONNX, checked against torch before they are believed."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import onnx
import onnx.utils
import torch
from torch import Tensor, nn

from inference.bundle import Bundle
from inference.contract import map_names
from inference.engine import Engine
from inference.errors import TrainingError
from inference.graph_check import CONCEPTS, FACTORS, LIVE_OUTPUTS
from inference.targets import ARGMAX
from inference.training.graphs import Clusters, ExplainGraph, LiveGraph, TrainedParts
from inference.training.mixture import check_condition
from inference.training.quiet import ignoring
from inference.training.reference import plain_answers

OPSET = 18
"""Not a later one: from 19 on, ONNX Runtime takes the means of volumes five times slower on a processor."""
TOLERANCE = 1e-5
"""Largest difference of a latent between ONNX Runtime and torch, relative to its size."""

_ONLY_LIVE = ("class_probability", "novelty")
_MOST_BATCH = 4096
# Traced with a batch of one, the exporter silently fixes the batch axis of some inputs.
_TRACE_BATCH = 3


def export_graphs(parts: TrainedParts) -> tuple[bytes, bytes]:
    """Return `live.onnx` and `explain.onnx` of trained parts, whose inputs have the channels' names.

    Raises
    ------
    TrainingError
        If the mixture is too badly conditioned for single precision; see `check_condition`, which also warns.
    """
    check_condition(parts.mixture)
    channels = list(parts.inputs)
    images = tuple(torch.zeros(_TRACE_BATCH, *shape) for shape in parts.inputs.values())
    target = torch.full((_TRACE_BATCH,), ARGMAX, dtype=torch.int64)
    maps = map_names([architecture.channel for architecture in parts.architectures])
    explained = ["class_logits", "embedding", "cluster_posterior", *maps.values()]
    # The exporter takes seconds, so it is asked once, and each graph is what its outputs need of the whole.
    told = [*([] if parts.factors is None else [FACTORS]), *([CONCEPTS] if parts.concepts else [])]
    outputs = [*_ONLY_LIVE, *told, *explained]
    whole = _export(_Both(parts).eval(), (*images, target), [*channels, "target"], outputs)
    live = _part(whole, channels, [*LIVE_OUTPUTS, *told])
    return live, _part(whole, [*channels, "target"], explained)


def verify_export(bundle: Bundle, parts: TrainedParts, images: Mapping[str, npt.NDArray[np.float32]]) -> float:
    """Compare a bundle's answers with torch's for images by channel; return the largest relative difference.

    Embeddings and scores are compared with the network as it was trained, everything else with the exported modules.

    Standardising subtracts the latent's centre and so magnifies its rounding by centre / spread: the answers may
    differ by `TOLERANCE` times that, which is to say that the latents may differ by `TOLERANCE`. Posteriors may
    differ by what is made of the embeddings' difference besides, which is more for a cell between two narrow clusters.

    Raises
    ------
    TrainingError
        If they differ by more.
    """
    engine = Engine(bundle, provider="cpu", batch_sizes=(1, 2, 5))
    rows = len(next(iter(images.values())))
    results = engine.answer_arrays(np.arange(rows, dtype=np.uint64), images)
    found = [results.embedding, results.cluster_posterior, results.class_probability, results.novelty]
    found += results.named.values()
    explanation = engine.explain(images)
    found += [explanation.class_logits, *explanation.maps.values()]
    inputs = [torch.from_numpy(images[name]) for name in parts.inputs]
    with torch.inference_mode():
        embedding, logits = plain_answers(parts, inputs)
        _, *answers = LiveGraph(parts).eval()(*inputs)
        _, _, _, *maps = ExplainGraph(parts).eval()(*inputs, torch.full((rows,), ARGMAX))
    magnified = max(1.0, float((np.abs(parts.mixture.centre) / parts.mixture.spread).max()))
    differences = np.array(list(map(_difference, found, [embedding, *answers, logits, *maps])))
    allowed = np.full(len(found), TOLERANCE * magnified)
    allowed[1] += _steepest(parts, embedding) * differences[0]
    worst = float(differences.max())
    if not (differences <= allowed).all():
        raise TrainingError(
            f"The exported graphs differ from the trained model by {worst:.1e}; the bundle is not made."
        )
    return worst


def _steepest(parts: TrainedParts, embedding: Tensor) -> float:
    """Return the largest change of a posterior by a change of embeddings, relative to their size, to first order."""
    clusters = Clusters(parts.mixture).double()

    def posterior(of_cell: Tensor) -> Tensor:
        return torch.softmax(clusters(of_cell[None])[2], dim=1)[0]

    by_embedding = torch.func.vmap(torch.func.jacrev(posterior))(embedding.double())
    return float(by_embedding.abs().sum(dim=2).max() * embedding.abs().max())


def _difference(found: npt.NDArray[np.float32], expected: Tensor) -> float:
    wanted = expected.numpy()
    return float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-12)) if wanted.size else 0.0


class _Both(nn.Module):
    """Both graphs, over the same encoders, which look once: the exporter does not find all that is done twice."""

    def __init__(self, parts: TrainedParts) -> None:
        super().__init__()
        self.live = LiveGraph(parts)
        self.explain = ExplainGraph(parts)
        self.explain.latent = self.live.latent
        self.explain.clusters = self.live.clusters

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        *images, target = inputs
        seen = self.live.latent(tuple(images))
        _, _, *only_live = self.live.answers(seen)
        return (*only_live, *self.explain.maps(seen, target))


def _part(whole: onnx.ModelProto, inputs: list[str], outputs: list[str]) -> bytes:
    """Return the nodes that these outputs need."""
    model = onnx.utils.Extractor(whole).extract_model(inputs, outputs)
    model.producer_name, model.producer_version = whole.producer_name, whole.producer_version
    _name_by_part(model)
    _strip(model)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _name_by_part(model: onnx.ModelProto) -> None:
    """Name weights after their own part, such as `head.first.weight`: evaluations look them up."""
    names = {
        tensor.name: tensor.name.removeprefix("live.").removeprefix("explain.") for tensor in model.graph.initializer
    }
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]


def _export(module: nn.Module, inputs: tuple[Tensor, ...], names: list[str], outputs: list[str]) -> onnx.ModelProto:
    batch = torch.export.Dim("batch", min=1, max=_MOST_BATCH)
    with _silence(), torch.no_grad():
        program = torch.onnx.export(
            module,
            inputs,
            dynamo=True,
            # Both graphs take any number of inputs, as one argument of the signature.
            dynamic_shapes=(tuple({0: batch} for _ in inputs),),
            input_names=names,
            output_names=outputs,
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise TrainingError("This version of torch exports no ONNX program; install the versions of constraints.txt.")
    return program.model_proto


def _strip(model: onnx.ModelProto) -> None:
    """Take out where the code of each node stood: paths of the training computer are nobody's business."""
    model.doc_string = ""
    del model.metadata_props[:]
    model.graph.doc_string = ""
    del model.graph.metadata_props[:]
    for part in (model.graph.node, model.graph.input, model.graph.output, model.graph.value_info):
        for entry in part:
            entry.doc_string = ""
            del entry.metadata_props[:]
    for tensor in model.graph.initializer:
        tensor.doc_string = ""
        del tensor.metadata_props[:]


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the exporter's own progress and warnings off the terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), ignoring(UserWarning, DeprecationWarning, FutureWarning):
            yield
    finally:
        logger.setLevel(level)
