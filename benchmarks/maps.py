"""How far maps over volumes, and over images and volumes at once, can be trusted.

Models are trained here, on simulated cells of two runs, and judged on a run that neither they nor their early stop
saw.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.kept_cells import kept_cells
from benchmarks.page import table
from inference.bundle import Bundle
from inference.engine import Engine
from inference.evaluation.assess import Assessment, assess
from inference.evaluation.cell_masks import empty_value
from inference.evaluation.faithfulness import Explained, order_scores
from inference.training.data import TrainingSet
from inference.training.options import Learning
from inference.training.recipes import recipe
from inference.training.split import split_by_run
from inference.training.train import train_bundle
from service.cli.collect import collect
from service.cli.model_kinds import KINDS, Wanted

MODELS = {"classifier3d": ("side_scatter",), "classifier_fused": (), "dcae3d": ("side_scatter",)}
"""Channels of each; without any, all."""
SEEDS = (401, 402, 403, 404)
"""Of the runs: the last is judged, and the one before stops the training."""
SAMPLE = "lymphocyte:0.25,monocyte:0.25,neutrophil:0.25,eosinophil:0.25"
CELLS, POOL, MAP_CELLS, EPOCHS = 300, 2, 24, 16
Rows = list[tuple[object, ...]]


def simulated_cells() -> TrainingSet:
    """Return labelled cells of every run, with an image and a volume each."""
    wanted = Wanted(KINDS["classifier_fused"], volume_pool=POOL)
    sources = [f"sim:sheet-ci?sample={SAMPLE}&seed={seed}" for seed in SEEDS]
    return TrainingSet.concatenate([collect(source, CELLS, wanted, lambda *_: None) for source in sources])


def trained(model: str, cells: TrainingSet, folder: Path | None) -> Bundle:
    """Return a model of these cells, from the folder where it is there."""
    file = folder and folder / f"{model}.bundle"
    if file and file.exists():
        return Bundle.load(file)
    options = recipe(Learning(KINDS[model].learning), volumes=True, epochs=EPOCHS)
    options = replace(
        options, name=model, command=f"python -m benchmarks.maps {model}", batch=32, clusters=4, progress=False
    )
    bundle = train_bundle(cells, options)
    if file:
        bundle.save(file)
    return bundle


def judged(model: str, cells: TrainingSet, folder: Path | None) -> Rows:
    """Train a model of some of the cells' channels, and judge it and its maps on the last run."""
    names = MODELS[model] or cells.channels
    kept = replace(cells, images={n: cells.images[n] for n in names}, pool={n: cells.pool[n] for n in names})
    bundle = trained(model, kept, folder)
    split = split_by_run(kept, recipe(Learning(KINDS[model].learning), volumes=True))
    engine = Engine(bundle, "cpu")
    found = assess(engine, split.test, others=split.train, map_cells=MAP_CELLS).numbers
    return rows_of(found) + rows_by_class(engine, split.test)


def rows_of(found: Assessment) -> Rows:
    """Return what was found, each figure beside what knows nothing of the model."""
    told = "no classes" if found.classes is None else f"{found.classes.balanced_accuracy:.3f}"
    beside = ", ".join(f"{name} {scores.balanced_accuracy:.3f}" for name, scores in found.controls.items())
    rows: Rows = [
        ("balanced accuracy", told, beside),
        ("empty maps", f"{found.empty_maps} of {found.map_cells}", ""),
    ]
    own, *others = found.orders
    for name in ("deletion", "insertion"):
        rows.append((name, f"{getattr(own, name):.2f}", _listed({o.order: getattr(o, name) for o in others})))
    beaten = _listed({o.order: o.beaten for o in others})
    rows.append(("insertion less deletion", f"{own.insertion - own.deletion:.2f}", f"better than {beaten} of cells"))
    for channel, scores in found.maps.items():
        inside = {"even map": scores.area, "spot in the middle": scores.inside_of_centre}
        rows.append((f"inside the cell, {channel}", _number(scores.inside), _listed(inside)))
        occlusion = {"spot in the middle": scores.occlusion_of_centre}
        rows.append((f"occlusion, {channel}", _number(scores.occlusion), _listed(occlusion)))
        rows.append((f"moved by a pixel, {channel}", _number(scores.moved), ""))
        shuffled = {depth: values[channel] for depth, values in found.shuffled_weights.items()}
        rows.append((f"shuffled weights, {channel}", _listed(shuffled), "0"))
    return rows


def rows_by_class(engine: Engine, cells: TrainingSet) -> Rows:
    """Return what an empty cell is taken for, and the orders of places again, for each class of the same cells."""
    empty = {spec.channel: np.zeros((1, *spec.shape), dtype=np.float32) for spec in engine.contract.inputs}
    empty = {channel: stack + np.float32(empty_value(stack[0])) for channel, stack in empty.items()}
    probability = engine.answer_arrays(np.zeros(1, dtype=np.uint64), empty).class_probability[0]
    likely = engine.contract.classes[int(probability.argmax())]
    rows: Rows = [("an empty cell", f"{likely} {probability.max():.3f}", "")]
    drawn = np.isin(np.arange(len(cells)), np.random.default_rng(0).permutation(len(cells))[:MAP_CELLS])
    for k, name in enumerate(cells.label_names):
        images = cells.where(drawn & (cells.label == k)).as_given(slice(None))
        of_class = Explained(images, engine.explain(images))
        own, *others = order_scores(engine, of_class, 0)
        beaten = _listed({other.order: other.beaten for other in others})
        gain = f"{own.insertion - own.deletion:.2f}"
        rows.append((f"insertion less deletion, {name}", gain, f"better than {beaten} of {len(of_class)}"))
    return rows


def _listed(values: dict[str, float | None]) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in values.items())


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", choices=[*MODELS, []], metavar="MODEL", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--out", type=Path, help="where cells and models are kept")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    everything = kept_cells(asked.out and asked.out / "cells.npz", simulated_cells)
    for model in asked.models or MODELS:
        print(table((model, "measured", "beside it"), judged(model, everything, asked.out)), flush=True)
