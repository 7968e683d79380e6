"""Inference: the engine against bare ONNX Runtime on the same graph."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnxruntime as ort

from acquisition.presets import instrument_preset
from benchmarks.timing import Row, in_turn
from inference.engine import LIVE_OUTPUTS, Engine
from inference.shipped import resolve_bundle


def rows(batch: int = 64) -> Iterator[Row]:
    """Figures of the shipped bundles at a full batch, two threads."""
    for preset in ("sheet-ci", "stretch-ci"):
        yield from _bundle_rows(preset, batch)


def _bundle_rows(preset: str, batch: int) -> Iterator[Row]:
    bundle = resolve_bundle(None, instrument_preset(preset))
    engine = Engine(bundle, "cpu", threads=2)
    engine.warm()
    spec = bundle.contract.inputs[0]
    images = np.random.default_rng(0).normal(1.0, 0.1, (batch, *spec.shape)).astype(np.float32)
    ids = np.arange(batch, dtype=np.uint64)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    bare = ort.InferenceSession(bundle.live, options, providers=["CPUExecutionProvider"])
    ours, _, ratio = in_turn(
        lambda: [engine.answer_arrays(ids, {spec.channel: images}) for _ in range(8)],
        lambda: [bare.run(list(LIVE_OUTPUTS), {spec.channel: images}) for _ in range(8)],
    )
    yield Row(
        f"answer, {bundle.contract.name}, {engine.provider}",
        8 * batch / ours,
        "cells/s",
        "bare ONNX Runtime",
        ratio,
    )
    explain, _, share = in_turn(
        lambda: engine.explain({spec.channel: images}), lambda: engine.answer_arrays(ids, {spec.channel: images})
    )
    yield Row(f"explain, {bundle.contract.name}", batch / explain, "cells/s", "the live graph", share)
