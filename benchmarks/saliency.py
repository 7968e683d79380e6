"""How far the explain graph's maps are from autograd's and captum's, on a model of full size and simulated cells."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import torch
from captum.attr import LayerGradCam

from inference.training.export import export_graphs
from inference.training.options import TrainingOptions
from inference.training.reference import Scores, autograd_maps
from inference.training.split import RunSplit
from inference.training.train import train_parts
from service.cli.collect import collect
from service.cli.model_kinds import KINDS, Wanted

CHANNEL = "transmission"


def saliency_errors() -> dict[str, float]:
    """Largest difference of the raw maps over batches of 1, 4 and 7 and every class, relative to the map's maximum."""
    cells = collect("sim:sheet-ci?seed=21", 150, Wanted(KINDS["dcae2d"]), lambda *_: None)
    parts = train_parts(RunSplit(cells, cells, cells), TrainingOptions(epochs=3, progress=False))
    session = ort.InferenceSession(export_graphs(parts)[1], providers=["CPUExecutionProvider"])
    plain = Scores(parts)
    captum = LayerGradCam(plain, parts.model.encoders[CHANNEL].blocks)
    worst = {"autograd": 0.0, "captum": 0.0}
    for batch in (1, 4, 7):
        images = np.ascontiguousarray(cells.images[CHANNEL][:batch])
        for wanted in range(len(cells.label_names)):
            target = np.full(batch, wanted, dtype=np.int64)
            (ours,) = session.run(["saliency"], {CHANNEL: images, "target": target})
            theirs = captum.attribute(
                torch.from_numpy(images), torch.from_numpy(target), relu_attributions=True
            ).detach()
            references = {
                "autograd": autograd_maps(parts, {CHANNEL: images}, target)[CHANNEL],
                "captum": theirs[:, 0].numpy(),
            }
            for name, reference in references.items():
                error = np.abs(ours - reference).max() / max(float(np.abs(reference).max()), 1e-6)
                worst[name] = max(worst[name], float(error))
    return worst


if __name__ == "__main__":
    for name, error in saliency_errors().items():
        print(f"largest relative difference of the raw map from {name}: {error:.2e}")
