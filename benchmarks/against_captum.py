"""Maps for every cell beside captum, which makes Grad-CAM by autograd; part of `python -m benchmarks.answers`.

Captum makes Grad-CAM of one layer at a time, so of one channel; the engine makes the maps of all channels at once: the
finer ones that bundles have unless told otherwise, and Grad-CAM, which are captum's own. What no map can be quicker
than, the live graph, stands below them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from captum.attr import LayerGradCam

from benchmarks.timing import Row, best_of
from benchmarks.untrained import untrained_bundle
from inference.bundle import Bundle
from inference.engine import Engine
from inference.training.graphs import TrainedParts
from inference.training.reference import Scores
from inference.training.saliency import Saliency

THREADS = 2
REST_S = 0.02
"""Torch's threads go on asking for work for some milliseconds, in which the engine's share the cores with them."""

Images = dict[str, npt.NDArray[np.float32]]


def captum_rows(bundle: Bundle, parts: TrainedParts, batch: int) -> Iterator[Row]:
    """Compare maps for a batch of cells, and for each cell alone, with captum's; `bundle` is made of `parts`."""
    of_captum = replace(parts, saliency=Saliency.GRAD_CAM)
    plain = untrained_bundle(f"{bundle.contract.name}-grad-cam", of_captum)
    finer, same, images = warm(bundle), warm(plain), images_for(bundle, batch)
    torch.set_num_threads(THREADS)
    theirs = {size: _by_captum(of_captum, images, size) for size in (batch, 1)}
    whole, single = "captum, a batch at a time", "captum, a cell at a time"
    ids = np.arange(batch, dtype=np.uint64)
    alone = [{name: stack[i : i + 1] for name, stack in images.items()} for i in range(batch)]

    def each_alone() -> None:
        for image in alone:
            same.explain(image, 0)

    for what, ours, size, against in (
        ("explain", lambda: finer.explain(images, 0), batch, whole),
        ("explain", lambda: finer.explain(images, 0), 1, single),
        ("Grad-CAM", lambda: same.explain(images, 0), batch, whole),
        ("Grad-CAM", lambda: same.explain(images, 0), 1, single),
        ("Grad-CAM, a cell at a time", each_alone, 1, single),
        ("answer without a map", lambda: finer.answer_arrays(ids, images), 1, single),
    ):
        took, other = best_of(ours, theirs[size], rest_s=REST_S)
        yield Row(f"{what}, {bundle.contract.name}", batch / took, "cells/s", against, other / took)


def _by_captum(parts: TrainedParts, images: Images, size: int) -> Callable[[], None]:
    """Return a pass of captum over all images, so many at a time."""
    captums = [LayerGradCam(Scores(parts), encoder.blocks[-1]) for encoder in parts.model.encoders.values()]
    inputs = tuple(torch.from_numpy(images[name]) for name in parts.inputs)
    targets = torch.zeros(len(inputs[0]), dtype=torch.int64)

    def run() -> None:
        for at in range(0, len(targets), size):
            rows = tuple(image[at : at + size] for image in inputs)
            for captum in captums:
                captum.attribute(rows, targets[at : at + size], relu_attributions=True)

    return run


def warm(bundle: Bundle) -> Engine:
    """Return an engine on two threads that has answered before."""
    engine = Engine(bundle, "cpu", threads=THREADS)
    engine.warm()
    return engine


def images_for(bundle: Bundle, batch: int) -> Images:
    """Return noise that looks like images to a bundle."""
    rng = np.random.default_rng(0)
    shapes = {spec.channel: (batch, *spec.shape) for spec in bundle.contract.inputs}
    return {name: rng.normal(1.0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
