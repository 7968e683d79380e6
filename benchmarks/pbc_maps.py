"""`python -m benchmarks.pbc_maps [--out FOLDER]`: where the maps of paper C's network lie in real blood cells.

The network learns eight kinds of stained cells (Acevedo et al. 2020) from the green light alone, which the stain takes
most of, or with `--channel` from others, each by an encoder of its own. The part `val` of the collection's own split is
judged, and maps are made of its cells, drawn at random of each kind that they are taken for. Shares of maps inside the
cell stand beside the cell's share of the image, which any even map has, and that of a spot in the middle, where all
these cells are.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.kept_cells import kept_cells
from benchmarks.page import table
from benchmarks.pbc import Study, blood_cells
from inference.bundle import Bundle
from inference.engine import Engine
from inference.evaluation.explained import Asked, ClassExplained, explain_class
from inference.report import format_metrics
from inference.training.architecture import Network
from inference.training.train import train_bundle

GREEN = "green"
BATCH = 64
"""Smaller than for other networks: twice as many steps in as many passes."""
HEAD = (
    "taken for", "cells", "outlined", "area of the cell", "spot in the middle", "own map inside", "occlusion inside",
    "covering inside", "better than a random map (own, occlusion, covering)", "own map and occlusion (another cell's)",
)  # fmt: skip


def trained(study: Study, channels: tuple[str, ...]) -> Bundle:
    """Return the network's bundle, from the folder where it is there."""
    name = f"{'-'.join(channels)}-{study.network}"
    file = study.folder and study.folder / f"{name}.bundle"
    if file and file.exists():
        return Bundle.load(file)
    asked = " ".join(f"--channel {channel}" for channel in channels)
    command = f"python -m benchmarks.pbc_maps --network {study.network} {asked}"
    options = study.kept(replace(study.supervised, command=command, batch=BATCH), name)
    bundle = train_bundle(study.cells_in(channels), options)
    if file:
        bundle.save(file)
    return bundle


def row_of(found: ClassExplained) -> tuple[object, ...]:
    """Return a row of the table."""
    numbers = found.numbers
    inside = [_share(one.inside) for one in numbers.ways]
    better = ", ".join(_share(one.better_than_random) for one in numbers.ways)
    agreement = f"{_number(numbers.pairs[0].correlation)} ({_number(numbers.pairs[0].of_another_cell)})"
    beside = (_share(numbers.area), _share(numbers.inside_of_centre))
    return found.name, f"{numbers.cells} of {found.cells}", numbers.outlined, *beside, *inside, better, agreement


def mean_row(each: list[ClassExplained]) -> tuple[object, ...]:
    """Return the means over classes, every class weighing the same."""
    numbers = [found.numbers for found in each]
    inside = [_mean([n.ways[k].inside for n in numbers]) for k in range(3)]
    better = ", ".join(_mean([n.ways[k].better_than_random for n in numbers]) for k in range(3))
    beside = _mean([n.area for n in numbers]), _mean([n.inside_of_centre for n in numbers])
    return (
        "mean of the kinds",
        sum(n.cells for n in numbers),
        sum(n.outlined for n in numbers),
        *beside,
        *inside,
        better,
        "",
    )


def _mean(values: list[float | None]) -> str:
    return _share(float(np.mean([value for value in values if value is not None])))


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="where cells and trainings are kept")
    parser.add_argument("--network", type=Network, choices=list(Network), default=Network.MENG_OFFICIAL)
    parser.add_argument("--channel", action="append", help="of the images, red, green, blue or grey; green without any")
    parser.add_argument("--cells", type=int, default=12, help="of each kind, that maps are made of")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    study = Study(kept_cells(asked.out and asked.out / "cells.npz", blood_cells), asked.out, asked.network)
    channels = tuple(asked.channel or [GREEN])
    bundle = trained(study, channels)
    print(format_metrics(bundle.contract.metrics), flush=True)
    about = Asked.about(Engine(bundle, "cpu"), study.split(channels).test)
    found = [explain_class([about], k, asked.cells) for k in range(len(bundle.contract.targets))]
    each = [one for one in found if one is not None]
    print(table(HEAD, [*(row_of(one) for one in each), mean_row(each)]))
