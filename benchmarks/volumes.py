"""Paper C's question on simulated cells: how many images does each way of telling cells apart need?

`python -m benchmarks.volumes --out FOLDER [--plot FILE.png]` lets THP-1, MCF-7, MDA-MB-231 and mononuclear blood
cells flow through the simulated ATOM (`atom-real`), and tells them by the network of paper C, by the nearest cells and
by a support vector machine, learnt from growing numbers of images. All are judged on acquisitions that nothing was
learnt or chosen on. Everything is simulated. Acquisitions that are in the folder are not made again.

With these optics most cells are refused as `overlap`, though each is alone, likely because no light reaches the band
between the laser's two lobes, which cuts them in two. They are taken all the same; other refused events are not. Images
into which, by the truth, a second body reaches are left out, as paper C's filter leaves out what is no whole cell.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from sklearn.metrics import f1_score

from benchmarks.kept_cells import kept_cells
from benchmarks.page import row, table
from benchmarks.volume_cells import NEAREST, run_of
from benchmarks.volume_ways import NETWORK, further, ways
from inference.training.data import TrainingSet

FIRST_SEED = 801
"""Of the acquisitions: the first chooses and stops, the next ones are judged, and the others are learnt from."""
ALONE_UM = 22.0
"""What passes nearer than this, from middle to middle, reaches into an image of 20 um."""
Curves = dict[str, list[float]]
FScores = dict[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Runs:
    """Cells learnt from in the order of their runs, cells that choose and stop, and cells that are judged."""

    learnt: TrainingSet
    chosen_on: TrainingSet
    judged: TrainingSet


def curves(runs: Runs, volumes: list[int], folder: Path | None) -> tuple[Curves, FScores]:
    """Return the accuracy of every way at every volume, and its F per class at the largest; prints as it goes."""
    order = np.random.default_rng(0).permutation(len(runs.learnt))
    accuracy: Curves = {name: [] for name in ways(None)}
    f_scores: FScores = {}
    print(table(("images learnt from", *accuracy, "seconds of the network"), []))
    for volume in volumes:
        part, took = runs.learnt.where(np.isin(np.arange(len(order)), order[:volume])), 0.0
        at_the_end = further(folder) if volume == volumes[-1] else {}
        for name, way in (ways(folder) | at_the_end).items():
            began = time.process_time()
            told = way(part, runs.chosen_on, runs.judged)
            took = time.process_time() - began if name == NETWORK else took
            accuracy.setdefault(name, []).append(float((told == runs.judged.label).mean()))
            f_scores[name] = np.asarray(f1_score(runs.judged.label, told, average=None, labels=range(4)))
        print(row((volume, *(f"{accuracy[name][-1]:.3f}" for name in ways(None)), f"{took:.0f}")), flush=True)
    return accuracy, f_scores


def draw(accuracy: Curves, volumes: list[int], judged: int, file: Path) -> None:
    """Draw accuracy against volume, as paper C does."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    for name, mark in zip(ways(None), "os^xv.+", strict=True):
        axes.plot(volumes, accuracy[name], marker=mark, label=name, linestyle="-" if mark in "os^" else ":")
    axes.set(
        xscale="log", ylim=(0, 1.02), xlabel="images learnt from", ylabel=f"accuracy on {judged} images of other runs"
    )
    axes.set_xticks(volumes, [f"{volume:,}" for volume in volumes], minor=False)
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    axes.set_title("Simulated cells, atom-real: THP-1, MCF-7, MDA-MB-231, PBMC", fontsize=10)
    figure.savefig(file, dpi=110)


@click.command()
@click.option("--seconds", default=0.4, show_default=True, help="Simulated, of each run: 450 cells alone in 0.4 s.")
@click.option("--learnt", default=14, show_default=True, help="Runs that are learnt from.")
@click.option("--judged", default=3, show_default=True, help="Runs that are judged.")
@click.option("--volumes", default="100,400,1600,6400", show_default=True, help="Images to learn from.")
@click.option("--out", type=click.Path(path_type=Path), help="Where cells and trainings are kept.")
@click.option("--plot", type=click.Path(path_type=Path), help="Picture of accuracy against volume.")
def main(seconds: float, learnt: int, judged: int, volumes: str, out: Path | None, plot: Path | None) -> None:
    """Print accuracy against volume, and F per class at the largest."""
    torch.set_num_threads(1)
    made = [
        kept_cells(out and out / f"run-{seed}.npz", lambda seed=seed: run_of(seed, seconds))
        for seed in range(FIRST_SEED, FIRST_SEED + 1 + judged + learnt)
    ]
    every = TrainingSet.concatenate(made)
    alone = every.where(every.factors[NEAREST] > ALONE_UM)
    names = alone.run_names
    runs = Runs(alone.of_runs(names[1 + judged :]), alone.of_runs(names[:1]), alone.of_runs(names[1 : 1 + judged]))
    counts = dict(zip(alone.label_names, np.bincount(alone.label, minlength=4).tolist(), strict=True))
    print(f"Simulated cells of {len(names)} runs: {len(every)}, of which alone {len(alone)}: {counts}")
    print(f"learnt from {len(runs.learnt)}, chosen on {len(runs.chosen_on)}, judged {len(runs.judged)}\n")
    asked = sorted({min(int(volume), len(runs.learnt)) for volume in volumes.split(",")})
    accuracy, f_scores = curves(runs, asked, out)
    print()
    print(table((f"at {asked[-1]} images", "accuracy", *(f"F of {name}" for name in alone.label_names)), []))
    for name, each in f_scores.items():
        print(row((name, f"{accuracy[name][-1]:.3f}", *(f"{one:.3f}" for one in each))))
    if plot:
        draw(accuracy, asked, len(runs.judged), plot)


if __name__ == "__main__":
    main()
