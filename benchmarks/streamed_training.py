"""How fast paper C's network learns from more cells than memory holds, and what memory that takes.

`python -m benchmarks.streamed_training CELLS.npz [--images 10000,40000]` goes once over so many images, as
`lightline train` does: beyond 256 MiB of them they lie in a file, of which each batch reads its own. The cells of the
file, which `python -m benchmarks.volumes --out FOLDER` leaves, are repeated to as many as are asked for: what is learnt
means nothing here, and is not shown. Every number of images has a process of its own, for its memory.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks.page import row, table
from benchmarks.volume_cells import LINE, seen_as
from inference.training.architecture import Network
from inference.training.data import TrainingSet
from inference.training.fit import fit_encoders
from inference.training.options import Learning
from inference.training.recipes import recipe
from inference.training.stacks import StackWriter, StoredStack

PART = 256
"""Cells that are written at a time, and cells that stop the training."""
HEAD = (
    "images",
    "they take, MiB",
    "where",
    "cells/s of one core",
    "cells/s by the clock",
    "memory before",
    "at most, MiB",
)


def repeated(cells: TrainingSet, images: int) -> TrainingSet:
    """Return so many images, the same cells again and again."""
    writer, rows = StackWriter(), np.arange(images) % len(cells)
    for at in range(0, images, PART):
        writer.append(np.asarray(cells.images[LINE][rows[at : at + PART]]))
    return replace(cells, images={LINE: writer.finish()}, label=cells.label[rows], run=cells.run[rows], factors={})


def measure(file: Path, images: int) -> str:
    """Return the row of one number of images."""
    cells = seen_as(TrainingSet.load(file), LINE)
    stop = cells.where(np.arange(len(cells)) < PART)
    many = repeated(cells, images)
    stack = many.images[LINE]
    size = stack.size * stack.dtype.itemsize / 2**20
    options = replace(recipe(Learning.LABELS, Network.MENG_OFFICIAL, epochs=1), batch=64, progress=False)
    before, began, clock = peak_mib(), time.process_time(), time.perf_counter()
    fit_encoders(many, stop, options)
    core, clock = time.process_time() - began, time.perf_counter() - clock
    where = "in a file" if isinstance(stack, StoredStack) else "in memory"
    rates = f"{images / core:.0f}", f"{images / clock:.0f}"
    return row((f"{images:,}", f"{size:,.0f}", where, *rates, f"{before:,.0f}", f"{peak_mib():,.0f}"))


def peak_mib() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--images", default="5000,20000,40000", show_default=True, help="Numbers of images, each by itself.")
@click.option("--threads", default=1, show_default=True)
@click.option("--alone", is_flag=True, hidden=True)
def main(file: Path, images: str, threads: int, alone: bool) -> None:
    """Print a row for each number of images."""
    torch.set_num_threads(threads)
    if alone:
        print(measure(file, int(images)), flush=True)
        return
    print(table(HEAD, []), flush=True)
    again = [sys.executable, "-m", __spec__.name, str(file), "--threads", str(threads), "--alone", "--images"]
    for number in images.split(","):
        subprocess.run([*again, number], check=True)


if __name__ == "__main__":
    main()
