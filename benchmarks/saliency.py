"""How exact the explain graph's maps are, on a trained model and simulated cells.

They are compared with autograd in double precision: autograd in single precision rounds as well, and more where a map
is a small difference of large numbers.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch
from captum.attr import LayerGradCam

from inference.training.export import export_graphs
from inference.training.graphs import TrainedParts
from inference.training.options import TrainingOptions
from inference.training.reference import Scores, autograd_maps
from inference.training.saliency import Saliency
from inference.training.split import RunSplit
from inference.training.train import train_parts
from service.cli.collect import collect
from service.cli.model_kinds import KINDS, Wanted

CHANNEL = "transmission"
Maps = npt.NDArray[np.floating]


def saliency_errors() -> dict[str, float]:
    """Largest difference of raw maps over batches of 1, 4 and 7 and every target, relative to the batch's maximum."""
    cells = collect("sim:sheet-ci?seed=21", 150, Wanted(KINDS["dcae2d"]), lambda *_: None)
    parts = train_parts(RunSplit(cells, cells, cells), TrainingOptions(epochs=3, progress=False))
    found: dict[str, float] = {}
    for saliency in Saliency:
        for name, error in _errors(replace(parts, saliency=saliency), cells.images[CHANNEL]).items():
            found[f"{saliency}, {name}"] = error
    return found


def _errors(parts: TrainedParts, stack: npt.NDArray[np.float32]) -> dict[str, float]:
    session = ort.InferenceSession(export_graphs(parts)[1], providers=["CPUExecutionProvider"])
    worst: dict[str, float] = {}
    classes = parts.head.second.out_features
    for batch in (1, 4, 7):
        images = {CHANNEL: np.ascontiguousarray(stack[:batch], dtype=np.float32)}
        exact = {CHANNEL: images[CHANNEL].astype(np.float64)}
        for target in range(classes + len(parts.clusters)):
            of_cluster = target >= classes
            index = np.full(batch, target - classes if of_cluster else target, dtype=np.int64)
            wanted = autograd_maps(parts, exact, index, clusters=of_cluster)[CHANNEL]
            if not wanted.any():
                continue
            asked = {**images, "target": np.full(batch, target, dtype=np.int64)}
            what = "clusters" if of_cluster else "classes"
            maps = {
                f"{what}: the explain graph": session.run(["saliency"], asked)[0],
                f"{what}: autograd in single precision": autograd_maps(parts, images, index, clusters=of_cluster)[
                    CHANNEL
                ],
            }
            if parts.saliency is Saliency.GRAD_CAM and not of_cluster:
                maps[f"{what}: captum"] = _captum(parts, images[CHANNEL], index)
            for name, one in maps.items():
                worst[name] = max(worst.get(name, 0.0), float(np.abs(one - wanted).max() / wanted.max()))
    return worst


def _captum(parts: TrainedParts, images: npt.NDArray[np.float32], index: npt.NDArray[np.int64]) -> Maps:
    captum = LayerGradCam(Scores(parts), parts.model.encoders[CHANNEL].blocks[-1])
    found = captum.attribute(torch.from_numpy(images), torch.from_numpy(index), relu_attributions=True)
    return np.asarray(found.detach().numpy()[:, 0])


if __name__ == "__main__":
    for name, error in saliency_errors().items():
        print(f"largest difference of the raw map from autograd in double precision: {name}: {error:.1e}")
