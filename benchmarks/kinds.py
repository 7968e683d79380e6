"""`python -m benchmarks.kinds [WORD ...]`: cells a second of every kind of model on two threads, live and with maps.

The shipped bundles, and models of every other kind that `lightline train` makes, untrained, of 80 x 80 pixels: as fast
as trained ones. Each is asked for full batches by the engine that answers live, beside bare ONNX Runtime on the same
graph. With words, only kinds whose name has one of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from acquisition.presets import SPECTRAL_BANDS_NM
from benchmarks.answers import IMAGES, VOLUMES, bundle_rows
from benchmarks.page import table
from benchmarks.untrained import IMAGE, VOLUME, parts_as_trained, untrained_bundle, untrained_parts
from inference.bundle import Bundle
from inference.shipped import bundle_file, shipped_bundles
from inference.training.architecture import Network
from inference.training.options import Learning, TrainingOptions
from inference.training.recipes import recipe

FEW, ROUNDS_OF_FEW = 16, 3
"""Cells of a batch and passes for networks that take milliseconds for a cell."""
TEN = tuple(f"band_{nm}_flat" for nm in SPECTRAL_BANDS_NM)
"""Ten channels of fluorescence."""
COLOURS = ("red", "green", "blue")
"""Of a stained smear, an encoder each of paper C."""
CONCEPTS = ("granular", "multilobed", "large")


def _flat(channels: tuple[str, ...], options: TrainingOptions, pool: int = 1) -> Callable[[str], Bundle]:
    return lambda name: untrained_bundle(name, parts_as_trained(channels, options, pool))


def _named(name: str) -> Bundle:
    return Bundle.load(bundle_file(name))


def _volumes(*channels: str) -> Callable[[str], Bundle]:
    return lambda name: untrained_bundle(name, untrained_parts(*channels))


def kinds() -> dict[str, tuple[Callable[[str], Bundle], int]]:
    """By name, what makes the bundle, and the cells of a batch."""
    one, labels = (IMAGE,), partial(recipe, Learning.LABELS)
    known = {
        "resnet18": _flat(one, labels(Network.RESNET18)),
        "resnet18-10-channels": _flat(TEN, labels(Network.RESNET18)),
        "resnet18-concepts": _flat(one, replace(labels(Network.RESNET18), concepts=CONCEPTS)),
        "resnet18-3-colours-concepts": _flat(COLOURS, replace(labels(Network.RESNET18), concepts=CONCEPTS)),
        "resnet50": _flat(one, labels(Network.RESNET50)),
        "resnet50-concepts": _flat(one, replace(labels(Network.RESNET50), concepts=CONCEPTS)),
        "vgg16": _flat(one, labels(Network.VGG16)),
        "vgg16-10-channels-dense": _flat(TEN, labels(Network.VGG16, dense=True)),
    }
    strided = {
        "contrastive2d": _flat(one, recipe(Learning.CONTRAST)),
        "classifier2d": _flat(one, labels()),
        "vae2d": _flat(one, recipe(Learning.VARIATION), 2),
        "factors2d": _flat(one, recipe(Learning.FACTORS), 2),
        "meng_table1": _flat(one, labels(Network.MENG_TABLE1)),
        "meng_official": _flat(one, labels(Network.MENG_OFFICIAL)),
        "meng_official-3-colours": _flat(COLOURS, labels(Network.MENG_OFFICIAL)),
    }
    return {
        **{name: (lambda _, file=name: _named(file), IMAGES) for name in shipped_bundles()},
        "dcae2d": (_volumes(IMAGE), IMAGES),
        "dcae3d": (_volumes(VOLUME), VOLUMES),
        "dcae_fused": (_volumes(IMAGE, VOLUME), VOLUMES),
        **{name: (make, IMAGES) for name, make in strided.items()},
        **{name: (make, FEW) for name, make in known.items()},
    }


def rates(wanted: Sequence[str] = ()) -> Iterator[tuple[object, ...]]:
    """Give name, answers a second, against bare ONNX Runtime, and maps a second of every kind."""
    for name, (make, batch) in kinds().items():
        if wanted and not any(word in name for word in wanted):
            continue
        rounds = {} if batch != FEW else {"rounds": ROUNDS_OF_FEW}
        answer, explain = bundle_rows(make(name), batch, **rounds)
        yield name, f"{batch}", f"{answer.rate:.3g}", f"{answer.ratio:.2f}", f"{explain.rate:.3g}"


HEAD = ("model", "cells a batch", "answers/s", "against bare ONNX Runtime", "maps/s")

if __name__ == "__main__":
    rows = []
    for row in rates(sys.argv[1:]):
        print(*row, file=sys.stderr, flush=True)
        rows.append(row)
    print(table(HEAD, rows))
