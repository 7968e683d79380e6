"""The explain graph with other weights, to see whether its maps notice; needs the library onnx."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from inference.bundle import Bundle

Array = npt.NDArray[np.generic]
HEAD = ("head.first.weight", "head.first.bias", "head.second.weight", "head.second.bias")
ROTATION = "latent.rotation"
# Bundles of before maps were made place by place hold the latent's mean weights beside the weights themselves.
_LATENT = (".latent.weight", "mean_weight")
_CLUSTERS = "clusters."


class Depth(StrEnum):
    """How deep weights are exchanged, from the answer backwards."""

    HEAD = "head"
    LATENT = "head and latent"
    ALL = "every layer"


def weights_of(bundle: Bundle) -> dict[str, Array]:
    """Return the weights of the explain graph by name."""
    graph = onnx.load_from_string(bundle.explain).graph
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def with_weights(bundle: Bundle, weights: Mapping[str, npt.ArrayLike]) -> Bundle:
    """Return a bundle whose explain graph has these weights in the place of its own; its live graph is the same."""
    model = onnx.load_from_string(bundle.explain)
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            kept = numpy_helper.to_array(tensor)
            new = np.asarray(weights[tensor.name], dtype=kept.dtype).reshape(kept.shape)
            tensor.CopyFrom(numpy_helper.from_array(new, tensor.name))
    fields = bundle.contract.model_dump(mode="json", exclude={"format", "sha256", "digest"})
    return Bundle.build(fields, bundle.live, model.SerializeToString())


def shuffled(bundle: Bundle, depth: Depth, seed: int) -> Bundle | None:
    """Return a bundle whose explain graph has the values of each of its weights shuffled, down to a depth.

    Shuffling keeps the sizes of the values. None where the graph was not exported by Lightline, and its layers have
    other names.
    """
    rng = np.random.default_rng(seed)
    held = weights_of(bundle)
    if any(name not in held for name in HEAD):
        return None
    chosen = {name: rng.permutation(value.ravel()) for name, value in held.items() if _reached(depth)(name, value)}
    return with_weights(bundle, chosen)


def _reached(depth: Depth) -> Callable[[str, Array], bool]:
    def reached(name: str, value: Array) -> bool:
        if value.ndim < 2 or name == ROTATION or name.startswith(_CLUSTERS):
            return False
        in_head = name in HEAD
        in_latent = any(part in name for part in _LATENT)
        return in_head or (depth is not Depth.HEAD and in_latent) or depth is Depth.ALL

    return reached
