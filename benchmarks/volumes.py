"""Paper C's question on simulated cells: how many images does each way of telling cells apart need?

`python -m benchmarks.volumes [--out FOLDER] [--plot FILE.png]` lets THP-1, MCF-7, MDA-MB-231 and mononuclear blood
cells flow through the simulated ATOM (`atom-real`), and tells them by the network of paper C, by the nearest cells and
by a support vector machine, learnt from growing numbers of images. All are judged on runs that nothing was learnt or
chosen on. Everything is simulated; runs are made a batch at a time, and images beyond what fits lie in a file.

With these optics most cells are refused as `overlap`, though each is alone, likely because no light reaches the band
between the laser's two lobes, which cuts them in two. They are taken all the same; other refused events are not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from sklearn.base import ClassifierMixin
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from acquisition.source import open_source
from benchmarks.kept_cells import kept_cells
from benchmarks.page import row, table
from inference.training.architecture import Network
from inference.training.controls import control_predictions
from inference.training.data import TrainingSet
from inference.training.fit import encode_by, fit_encoders
from inference.training.models import LabelledEncoders
from inference.training.options import Learning
from inference.training.recipes import recipe
from inference.training.stacks import kept_images
from reconstruction.images import Rejection
from reconstruction.transform import transform_for
from service.cli.collect import events_of, match_labels, triggers_of

RUN = "sim:atom-real?sample=thp1:0.25,mcf7:0.25,mda-mb-231:0.25,pbmc:0.25&loop=none&seconds={seconds}&seed={seed}"
SEEDS = (801, 802, 803, 804, 805, 806)
"""Of the runs: the last is judged, and the one before chooses and stops."""
OWN = {"thp1": "THP-1", "mcf7": "MCF-7", "mda-mb-231": "MDA-MB-231"}
REST = "PBMC"
TAKEN = (Rejection.NONE, Rejection.OVERLAP)
RATE, EPOCHS, BATCH = 1e-3, 16, 64
"""Of the network: a few hundred steps, for which paper C's rate of 1e-4 is too small."""
COARSER = 4
"""Edge of the squares of pixels whose means the nearest cells and the machine are given."""
NEIGHBOURS, COSTS, WIDTHS = (1, 3, 5, 9, 15), (1.0, 10.0, 100.0), (0.1, 0.3, 1.0, 3.0)
"""What is chosen among, on the validation run; widths of the kernel are against one over the number of its inputs."""

Labels = npt.NDArray[np.int64]
Way = Callable[[TrainingSet, TrainingSet, TrainingSet], Labels]
"""From cells learnt from, cells that choose, and cells that are judged, to answers for the last."""


@dataclass(frozen=True)
class Runs:
    """Cells learnt from in the order of their runs, cells that choose and stop, and cells that are judged."""

    learnt: TrainingSet
    chosen_on: TrainingSet
    judged: TrainingSet


def run_of(seed: int, seconds: float) -> TrainingSet:
    """Return the cells of one simulated acquisition, with the class of each."""
    place = RUN.format(seed=seed, seconds=seconds)
    with open_source(place) as source:
        transform, parts, events = transform_for(source.instrument), [], []
        found = events_of(source)
        while some := list(islice(found, BATCH)):
            images = transform.images(some, ("line",), cells_first=False)
            taken = np.isin(images.rejection, TAKEN)
            parts.append((images.event_id[taken], kept_images(images.images["line"][taken], 1)))
            events += [(e.event_id, e.epoch, e.trigger_tick, e.duration_ticks) for e in some]
        truth = source.truth()
        if truth is None:
            raise TypeError("The simulator knows the truth.")
        places = triggers_of(events)
        kinds = dict(zip(places.event_id.tolist(), match_labels(places, truth, source.instrument), strict=True))
        source.stop()
    ids = np.concatenate([ids for ids, _ in parts])
    names = [kinds[event_id] and OWN.get(kinds[event_id], REST) for event_id in ids.tolist()]
    cells = TrainingSet(
        images={"line": np.concatenate([images for _, images in parts])},
        pool={"line": 1},
        label=np.full(len(ids), -1, dtype=np.int32),
        label_names=(),
        run=np.zeros(len(ids), dtype=np.int32),
        run_names=(place,),
        pixel_um=source.instrument.grid.pixel_um,
        instrument_kind=source.instrument.kind,
        origin=source.origin,
    ).labelled(names)
    return cells.where(cells.is_labelled)


def by_network(learnt: TrainingSet, chosen_on: TrainingSet, judged: TrainingSet) -> Labels:
    """Tell by the network of paper C, as in its published code."""
    options = replace(
        recipe(Learning.LABELS, Network.MENG_OFFICIAL, epochs=EPOCHS),
        learning_rate=RATE,
        batch=BATCH,
        progress=False,
    )
    model = fit_encoders(learnt, chosen_on, options).model
    if not isinstance(model, LabelledEncoders):
        raise TypeError("The network learns labels.")
    scores = encode_by(lambda prepared: model.classes(model.latent(prepared)), model, judged)
    return np.asarray(scores.argmax(axis=1), dtype=np.int64)


def by_neighbours(learnt: TrainingSet, chosen_on: TrainingSet, judged: TrainingSet) -> Labels:
    """Tell by the nearest cells, pixel by pixel."""
    makers = [lambda k=k: KNeighborsClassifier(min(k, len(learnt))) for k in NEIGHBOURS]
    return _best(makers, learnt, chosen_on, judged)


def by_machine(learnt: TrainingSet, chosen_on: TrainingSet, judged: TrainingSet) -> Labels:
    """Tell by a support vector machine with a Gaussian kernel, its cost and width chosen."""
    inputs = _pixels(judged).shape[1]
    makers = [lambda c=c, w=w: SVC(C=c, gamma=w / inputs, class_weight="balanced") for c in COSTS for w in WIDTHS]
    return _best(makers, learnt, chosen_on, judged)


def _best(
    makers: list[Callable[[], ClassifierMixin]], learnt: TrainingSet, chosen_on: TrainingSet, judged: TrainingSet
) -> Labels:
    """Fit all to the same standardised pixels, and let the one answer that did best where it may be chosen."""
    seen, stop, new = (_pixels(part) for part in (learnt, chosen_on, judged))
    with threadpool_limits(1):
        fitted = [make_pipeline(StandardScaler(), make()).fit(seen, learnt.label) for make in makers]
        best = max(fitted, key=lambda one: float(one.score(stop, chosen_on.label)))
        return np.asarray(best.predict(new), dtype=np.int64)


def _pixels(cells: TrainingSet) -> npt.NDArray[np.float32]:
    """Return coarse images divided by their mean, as the network sees fine ones, `(n, pixels)`."""
    flat = np.asarray(kept_images(np.asarray(cells.images["line"][:]), COARSER), dtype=np.float32)
    flat = flat.reshape(len(cells), -1)
    return np.asarray(flat / flat.mean(axis=1, keepdims=True), dtype=np.float32)


WAYS: dict[str, Way] = {
    "CNN of paper C": by_network,
    "nearest cells (kNN)": by_neighbours,
    "SVM, Gaussian kernel": by_machine,
    "background alone": lambda learnt, _, judged: control_predictions(learnt, judged, 0)["background_only"],
    "majority": lambda learnt, _, judged: np.full(len(judged), np.bincount(learnt.label).argmax()),
}


def curves(runs: Runs, volumes: list[int]) -> tuple[dict[str, list[float]], dict[str, npt.NDArray[np.float64]]]:
    """Return the accuracy of every way at every volume, and its F per class at the largest; prints as it goes."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(runs.learnt))
    accuracy: dict[str, list[float]] = {name: [] for name in WAYS}
    f_scores = {}
    print(table(("images learnt from", *WAYS, "seconds of the network"), []))
    for volume in volumes:
        rows = np.isin(np.arange(len(order)), order[:volume])
        part, took = runs.learnt.where(rows), 0.0
        for name, way in WAYS.items():
            began = time.process_time()
            told = way(part, runs.chosen_on, runs.judged)
            took = time.process_time() - began if way is by_network else took
            accuracy[name].append(float((told == runs.judged.label).mean()))
            f_scores[name] = np.asarray(f1_score(runs.judged.label, told, average=None, labels=range(4)))
        print(row((volume, *(f"{of[-1]:.3f}" for of in accuracy.values()), f"{took:.0f}")), flush=True)
    return accuracy, f_scores


def draw(accuracy: dict[str, list[float]], volumes: list[int], judged: int, file: Path) -> None:
    """Draw accuracy against volume, as paper C does."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for (name, curve), mark in zip(accuracy.items(), "os^x.", strict=True):
        axes.plot(volumes, curve, marker=mark, label=name, linestyle="-" if mark in "os^" else ":")
    axes.set(
        xscale="log", ylim=(0, 1.02), xlabel="images learnt from", ylabel=f"accuracy on {judged} images of a run apart"
    )
    axes.set_xticks(volumes, [str(volume) for volume in volumes], minor=False)
    axes.minorticks_off()
    axes.legend(loc="upper left", ncols=2, fontsize=9)
    axes.set_title("Simulated cells, atom-real: THP-1, MCF-7, MDA-MB-231, PBMC", fontsize=10)
    figure.savefig(file, dpi=110)


@click.command()
@click.option("--seconds", default=0.1, show_default=True, help="Simulated, of each run: about 140 cells in 0.1 s.")
@click.option(
    "--volumes", default="50,100,200,400", show_default=True, help="Images to learn from; the largest may be all."
)
@click.option("--out", type=click.Path(path_type=Path), help="Where cells are kept.")
@click.option("--plot", type=click.Path(path_type=Path), help="Picture of accuracy against volume.")
def main(seconds: float, volumes: str, out: Path | None, plot: Path | None) -> None:
    """Print accuracy against volume, and F per class at the largest."""
    torch.set_num_threads(1)
    began = time.process_time()
    parts = [kept_cells(out and out / f"run-{seed}.npz", lambda seed=seed: run_of(seed, seconds)) for seed in SEEDS]
    every = TrainingSet.concatenate(parts)
    names = every.run_names
    runs = Runs(every.of_runs(names[:-2]), every.of_runs(names[-2:-1]), every.of_runs(names[-1:]))
    made = f"{len(every) / max(time.process_time() - began, 1e-9):.1f} a second of one core, made or read"
    counts = dict(zip(every.label_names, np.bincount(every.label, minlength=4).tolist(), strict=True))
    print(f"Simulated cells of {len(names)} runs: {len(every)} ({made}); {counts}")
    print(f"learnt from {len(runs.learnt)}, chosen on {len(runs.chosen_on)}, judged {len(runs.judged)}\n")
    asked = sorted({min(int(volume), len(runs.learnt)) for volume in volumes.split(",")})
    accuracy, f_scores = curves(runs, asked)
    print()
    print(table((f"F at {asked[-1]} images", *every.label_names), []))
    for name, each in f_scores.items():
        print(row((name, *(f"{one:.3f}" for one in each))))
    if plot:
        draw(accuracy, asked, len(runs.judged), plot)


if __name__ == "__main__":
    main()
