"""A model small enough to read: mean darkness in a 5 x 5 grid, weighed into two axes. For tests alone."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from inference.bundle import Bundle

CHANNEL = "transmission"
_AXES = np.stack([np.full(25, 4.0), np.linspace(-8, 8, 25)], axis=1).astype(np.float32)
_CLUSTERS = np.array([[6.0, -6.0, 0.0], [0.0, 0.0, 4.0]], dtype=np.float32)
_CLASSES = np.array([[1.0, -1.0], [0.0, 0.5]], dtype=np.float32)


def _graph(name: str, nodes: list, outputs: dict[str, list], with_target: bool, channel: str) -> bytes:
    inputs = [helper.make_tensor_value_info(channel, TensorProto.FLOAT, ["batch", 80, 80])]
    if with_target:
        inputs.append(helper.make_tensor_value_info("target", TensorProto.INT64, ["batch"]))
    constants = {
        "one": np.float32(1.0),
        "axis1": np.array([1], dtype=np.int64),
        "axes": _AXES,
        "to_clusters": _CLUSTERS,
        "to_classes": _CLASSES,
        "grid": np.array([-1, 5, 5], dtype=np.int64),
        "column": np.array([-1, 1, 1], dtype=np.int64),
    }
    used = {entry for node in nodes for entry in node.input}
    graph = helper.make_graph(
        nodes,
        name,
        inputs,
        [helper.make_tensor_value_info(key, TensorProto.FLOAT, ["batch", *shape]) for key, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items() if key in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def tiny_bundle(name: str = "tiny", channel: str = CHANNEL) -> Bundle:
    """A bundle for light-sheet images of one channel with three clusters and two classes."""
    trunk = [
        helper.make_node("Sub", ["one", channel], ["dark"]),
        helper.make_node("Unsqueeze", ["dark", "axis1"], ["planes"]),
        helper.make_node("AveragePool", ["planes"], ["pooled"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "axes"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "to_classes"], ["class_logits"]),
    ]
    live = [
        *trunk,
        helper.make_node("MatMul", ["embedding", "to_clusters"], ["cluster_logits"]),
        helper.make_node("Softmax", ["cluster_logits"], ["cluster_posterior"]),
        helper.make_node("Softmax", ["class_logits"], ["class_probability"]),
        helper.make_node("ReduceL2", ["embedding", "axis1"], ["novelty"], keepdims=0),
    ]
    explain = [
        *trunk,
        helper.make_node("Cast", ["target"], ["chosen"], to=TensorProto.FLOAT),
        helper.make_node("Abs", ["chosen"], ["weight"]),
        helper.make_node("Add", ["weight", "one"], ["above"]),
        helper.make_node("Reshape", ["above", "column"], ["factor"]),
        helper.make_node("Abs", ["flat"], ["strength"]),
        helper.make_node("Reshape", ["strength", "grid"], ["map"]),
        helper.make_node("Mul", ["map", "factor"], ["saliency"]),
    ]
    live_outputs = {"embedding": [2], "cluster_posterior": [3], "class_probability": [2], "novelty": []}
    explain_outputs = {"class_logits": [2], "embedding": [2], "saliency": [5, 5]}
    return Bundle.build(
        {
            "name": name,
            "model": "grid-means",
            "command": "pytest",
            "instrument_kind": "light_sheet",
            "inputs": [{"channel": channel, "shape": (80, 80), "pixel_um": 0.25}],
            "preprocessing": "1 - image",
            "embedding_size": 2,
            "clusters": ["dark", "pale", "lopsided"],
            "classes": ["large", "small"],
            "novelty": {"method": "length", "threshold": 5.0, "false_reject_rate": 0.01, "cells": 10},
            "saliency": [{"channel": channel, "layer": "grid", "shape": (5, 5), "targets": "classes"}],
            "training": {"sources": ["none"], "cells": 1, "seeds": [0], "origin": "simulated"},
            "metrics": {"accuracy": {"model": 0.5, "majority": 0.5}},
            "opset": 18,
            "software": {"onnx": "test"},
        },
        _graph("live", live, live_outputs, with_target=False, channel=channel),
        _graph("explain", explain, explain_outputs, with_target=True, channel=channel),
    )
