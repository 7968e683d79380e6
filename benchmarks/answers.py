"""Inference: the engine against bare ONNX Runtime on the same graph, and maps for every cell against captum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import onnxruntime as ort

from acquisition.presets import instrument_preset
from benchmarks.against_captum import THREADS, captum_rows, images_for, warm
from benchmarks.timing import ROUNDS, Row, best_of
from benchmarks.untrained import IMAGE, VOLUME, scores_of_noise, untrained_bundle, untrained_parts
from inference.bundle import Bundle
from inference.graph_check import LIVE_OUTPUTS
from inference.shipped import resolve_bundle
from inference.training.graphs import TrainedParts
from inference.training.novelty import NoveltyChoice

IMAGES, VOLUMES = 64, 16
"""Cells in a batch without and with volumes."""


def rows() -> Iterator[Row]:
    """Figures of the shipped bundles, and of untrained ones of full size, at a full batch on two threads."""
    for preset in ("sheet-ci", "stretch-ci"):
        yield from bundle_rows(resolve_bundle(None, instrument_preset(preset)), IMAGES)
    for name, channels in (("images", (IMAGE,)), ("volumes", (VOLUME,)), ("fused", (IMAGE, VOLUME))):
        parts = untrained_parts(*channels)
        bundle = untrained_bundle(f"untrained-{name}", parts)
        batch = VOLUMES if VOLUME in channels else IMAGES
        yield from bundle_rows(bundle, batch)
        yield from captum_rows(bundle, parts, batch)
    yield from _novelty_rows(untrained_parts(IMAGE))


def _novelty_rows(parts: TrainedParts) -> Iterator[Row]:
    """Compare graphs with each score of novelty with one that has the mixture's, which the graph has anyway."""
    plain, *others = (
        untrained_bundle(f"novelty-{name}", replace(parts, novelty=NoveltyChoice(score, {})))
        for name, score in scores_of_noise(parts).items()
    )
    images, ids, without = images_for(plain, IMAGES), np.arange(IMAGES, dtype=np.uint64), warm(plain)
    for bundle in others:
        ours, least = best_of(
            partial(warm(bundle).answer_arrays, ids, images), partial(without.answer_arrays, ids, images)
        )
        yield Row(f"answer, {bundle.contract.name}", IMAGES / ours, "cells/s", "novelty of the mixture", least / ours)


def bundle_rows(bundle: Bundle, batch: int, rounds: int = ROUNDS) -> Iterator[Row]:
    """Rates of both graphs of a bundle at a full batch: answers against bare ONNX Runtime, maps against answers."""
    engine, images = warm(bundle), images_for(bundle, batch)
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


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
