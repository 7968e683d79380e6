"""Paper D on simulated cells: does an encoder of pairs keep size, nuclear ratio and granules apart, and tell them?

`python -m benchmarks.factors` draws cells of the population `varied`, trains Ada-GVAE with labels, the same without
averaging over pairs, and a plain variational autoencoder of the same size on the same cells, and prints what they are
worth on a run that none of them saw.
Everything is simulated. Sprites are asked for as `lightline train` takes them, with `--factor` for each of theirs.
The last run measures, and the one before it stops the training; of its own it draws half and a third as many cells.
Cells kept by `lightline train factors2d ... --keep-cells` can be given instead, an `.npz` for each run. With `--out`,
cells and trainings stay there, so that an interrupted study goes on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.kept_cells import kept_cells
from benchmarks.traversals import draw_traversals
from inference.evaluation.disentanglement import Dci, association, dci, mutual_information_gap, omes
from inference.training.data import TrainingSet
from inference.training.factor_scores import drawn_codes, factor_levels, plain_correlations
from inference.training.fit import encode, fit_encoders
from inference.training.options import Learning, TrainingOptions
from inference.training.pairs import Pairs
from inference.training.recipes import recipe
from inference.training.variational import VariationalAutoencoders
from service.cli.collect import collect_told
from service.cli.model_kinds import FACTORS, KINDS, Wanted

RUNS = tuple(f"sim:sheet-ci?sample=varied&seed={seed}" for seed in (501, 502, 505, 503, 504))
PLAIN, PAIRS = "plain VAE", "Ada-GVAE, labels"
KINDS_OF_TRAINING = {
    PLAIN: recipe(Learning.VARIATION),
    "labels alone, nothing averaged": replace(recipe(Learning.FACTORS), averaging=False),
    PAIRS: recipe(Learning.FACTORS),
}
Row = tuple[object, ...]


@click.command()
@click.argument("places", nargs=-1)
@click.option("--factor", "factors", multiple=True, default=FACTORS, show_default=True, help="Give it for each.")
@click.option("--cells", default=3000, show_default=True, help="Of each run, at most.")
@click.option("--epochs", type=int, help="Passes over the cells (default: the recipe's).")
@click.option("--seeds", default=2, show_default=True, help="Trainings of each kind.")
@click.option("--threads", default=1, show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where cells and trainings are kept.")
@click.option("--traversals", type=click.Path(path_type=Path), help="Picture of what the first Ada-GVAE draws.")
def main(
    places: tuple[str, ...],
    factors: tuple[str, ...],
    cells: int,
    epochs: int | None,
    seeds: int,
    threads: int,
    out: Path | None,
    traversals: Path | None,
) -> None:
    """Print a table of all kinds, a row for each training."""
    torch.set_num_threads(threads)
    wanted = Wanted(KINDS["factors2d"], factors=factors)
    runs = places or RUNS
    counts = [cells] * len(runs) if places else [*[cells] * (len(runs) - 2), cells // 3, cells // 2]
    *learnt, validation, held_out = (
        kept_cells(out and out / f"run-{number}.npz", partial(collect_told, place, count, wanted))
        for number, (place, count) in enumerate(zip(runs, counts, strict=True))
    )
    train = TrainingSet.concatenate(learnt)
    click.echo(f"Simulated: {len(train)} learnt from, {len(held_out)} held out; MIG is mean (each), of codes drawn.")
    plain = plain_correlations(held_out)
    click.echo("Best plain measure, rank correlation: " + ", ".join(f"{name} {plain[name]:.2f}" for name in factors))
    click.echo("| kind | seed | MIG | rank correlation | DCI: d, c, i | OMES |\n|---|---|---|---|---|---|")
    gaps: dict[str, list[float]] = {name: [] for name in KINDS_OF_TRAINING}
    for seed in range(seeds):
        for name, kind in KINDS_OF_TRAINING.items():
            passes = epochs or kind.epochs
            folder = out and out / f"{name.split(',')[0].replace(' ', '-')}-{seed}"
            options = replace(kind, epochs=passes, patience=passes, seed=seed, progress=False, folder=folder)
            model = _trained(train, validation, options)
            if traversals and (name, seed) == (PAIRS, 0):
                draw_traversals(model, held_out, factors, traversals)
            gap, row = _judged(model, held_out, options)
            gaps[name].append(gap)
            click.echo("| " + " | ".join(str(entry) for entry in (name, seed, *row)) + " |")
    for name in (name for name in gaps if name != PAIRS):
        gain = np.array(gaps[PAIRS]) - np.array(gaps[name])
        click.echo(f"MIG above '{name}': {gain.mean():.3f} ({', '.join(f'{one:.3f}' for one in gain)})")


def _trained(train: TrainingSet, validation: TrainingSet, options: TrainingOptions) -> VariationalAutoencoders:
    model = fit_encoders(train, validation, options).model
    if not isinstance(model, VariationalAutoencoders):
        raise TypeError("All kinds are variational.")
    return model


def _judged(model: VariationalAutoencoders, held_out: TrainingSet, options: TrainingOptions) -> tuple[float, Row]:
    """Return the mutual information gap of a training, and its row of the table."""
    levels, code, means = factor_levels(held_out), drawn_codes(model, held_out), encode(model, held_out)
    gap = mutual_information_gap(code, levels)
    ranks = spearmanr(means, np.stack(list(held_out.factors.values()), axis=1)).statistic
    across = np.abs(ranks[: means.shape[1], means.shape[1] :])
    # A plain autoencoder names no number, so that the best of all is taken of it, which flatters it.
    told = across.max(axis=0) if options.learning is Learning.VARIATION else np.diag(across)
    found = dci(code, levels)
    return float(gap.mean()), (
        _listed(gap.mean(), gap),
        _listed(None, told),
        _of(found),
        f"{_omes(code, held_out):.2f}",
    )


def _omes(code: np.ndarray, cells: TrainingSet) -> float:
    """Score the code by pairs of held-out cells that nearly share all factors but one."""
    rows, shared = Pairs(cells.factors).draw(np.random.default_rng(0))
    first, second, changed = code[rows[::2]], code[rows[1::2]], ~shared[::2]
    return omes(association([(first[changed[:, k]], second[changed[:, k]]) for k in range(changed.shape[1])]))


def _of(found: Dci) -> str:
    return f"{found.disentanglement:.2f}, {found.completeness:.2f}, {found.informativeness:.2f}"


def _listed(mean: float | None, each: np.ndarray) -> str:
    every = ", ".join(f"{one:.2f}" for one in each)
    return every if mean is None else f"{mean:.2f} ({every})"


if __name__ == "__main__":
    main()
