"""Inference: the engine against bare ONNX Runtime on the same graph, and maps for every cell against captum."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch
from captum.attr import LayerGradCam

from acquisition.presets import instrument_preset
from benchmarks.timing import ROUNDS, Row, best_of
from benchmarks.untrained import IMAGE, VOLUME, untrained_bundle, untrained_parts
from inference.bundle import Bundle
from inference.engine import Engine
from inference.graph_check import LIVE_OUTPUTS
from inference.shipped import resolve_bundle
from inference.training.graphs import TrainedParts
from inference.training.reference import Scores

THREADS = 2
IMAGES, VOLUMES = 64, 16
"""Cells in a batch without and with volumes."""

Images = dict[str, npt.NDArray[np.float32]]


def rows() -> Iterator[Row]:
    """Figures of the shipped bundles, and of untrained ones of full size, at a full batch on two threads."""
    for preset in ("sheet-ci", "stretch-ci"):
        yield from bundle_rows(resolve_bundle(None, instrument_preset(preset)), IMAGES)
    for name, channels in (("images", (IMAGE,)), ("volumes", (VOLUME,)), ("fused", (IMAGE, VOLUME))):
        parts = untrained_parts(*channels)
        bundle = untrained_bundle(f"untrained-{name}", parts)
        batch = VOLUMES if VOLUME in channels else IMAGES
        yield from bundle_rows(bundle, batch)
        yield from _captum_rows(bundle, parts, batch)


def bundle_rows(bundle: Bundle, batch: int, rounds: int = ROUNDS) -> Iterator[Row]:
    """Rates of both graphs of a bundle at a full batch: answers against bare ONNX Runtime, maps against answers."""
    engine, images = _warm(bundle), _images(bundle, batch)
    ids = np.arange(batch, dtype=np.uint64)
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    # Its threads would otherwise go on asking for work while ours is timed.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    bare = ort.InferenceSession(bundle.live, options, providers=["CPUExecutionProvider"])
    ours, plain = best_of(
        lambda: engine.answer_arrays(ids, images),
        lambda: bare.run(list(LIVE_OUTPUTS), images),
        rounds,
    )
    name = bundle.contract.name
    yield Row(f"answer, {name}, {engine.provider}", batch / ours, "cells/s", "bare ONNX Runtime", plain / ours)
    explain, live = best_of(
        lambda: engine.explain(images),
        lambda: engine.answer_arrays(ids, images),
        rounds,
    )
    yield Row(f"explain, {name}", batch / explain, "cells/s", "the live graph", live / explain)


def _captum_rows(bundle: Bundle, parts: TrainedParts, batch: int) -> Iterator[Row]:
    """Maps over every channel, against captum for a whole batch and, as cells come live, one cell at a time.

    Captum makes Grad-CAM of one layer at a time, so of one channel; `explain` makes what the bundle says, of all.
    """
    engine, images = _warm(bundle), _images(bundle, batch)
    torch.set_num_threads(THREADS)
    captums = [LayerGradCam(Scores(parts), encoder.blocks[-1]) for encoder in parts.model.encoders.values()]
    inputs = tuple(torch.from_numpy(images[name]) for name in parts.inputs)

    def by_captum(size: int) -> None:
        for at in range(0, batch, size):
            rows = tuple(image[at : at + size] for image in inputs)
            target = torch.zeros(len(rows[0]), dtype=torch.int64)
            for captum in captums:
                captum.attribute(rows, target, relu_attributions=True)

    for size, what in ((batch, "captum, a batch at a time"), (1, "captum, a cell at a time")):
        explain, theirs = best_of(lambda: engine.explain(images, 0), lambda size=size: by_captum(size))
        yield Row(f"explain, {bundle.contract.name}", batch / explain, "cells/s", what, theirs / explain)


def _warm(bundle: Bundle) -> Engine:
    engine = Engine(bundle, "cpu", threads=THREADS)
    engine.warm()
    return engine


def _images(bundle: Bundle, batch: int) -> Images:
    rng = np.random.default_rng(0)
    shapes = {spec.channel: (batch, *spec.shape) for spec in bundle.contract.inputs}
    return {name: rng.normal(1.0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
