"""`python -m benchmarks.pbc [PART ...] [--out FOLDER]`: eight kinds of real blood cells.

Real images (Acevedo et al. 2020, stained smears, 128 x 128 pixels of which the middle 96 are kept; shrunk to 48 for all
but the models of all labels), split as they come: the part `val` of the collection's own split is looked at once, at
the end; the last eighth of each class of `train` stops the training and sets temperature, thresholds and sets.
Whether donors are kept apart is not known. With `--out`, cells and trainings stay there, so that an interrupted study
goes on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from acquisition.real_images import open_real_images
from benchmarks.frozen import Classifier, few_labels, linear
from benchmarks.kept_cells import kept_cells
from benchmarks.left_out import Seen, each_left_out
from benchmarks.page import DATA, row, table
from inference.report import format_metrics
from inference.training.architecture import PAPER_C_LATENT, Network
from inference.training.augment import Looks
from inference.training.collection import CollectionOptions, from_collection, with_held_out_parts
from inference.training.controls import columns_of, frame_features, hand_made_features
from inference.training.data import TrainingSet
from inference.training.fit import encode, fit_encoders
from inference.training.models import Encoders
from inference.training.options import WIDTHS, Learning, Size, TrainingOptions
from inference.training.recipes import recipe
from inference.training.split import RunSplit, split_by_run
from inference.training.stacks import kept_images
from inference.training.train import train_bundle

FILE = DATA / "pbc_dev_128.zip"
COLOURS = ("red", "green", "blue")
SHOTS = (1, 5, 20)
LOOKS = Looks(shift_share=0.06)
CONTRASTIVE = replace(
    recipe(Learning.CONTRAST, epochs=12),
    widths=(16, 32, 64, 128),
    learning_rate=3e-3,
    clusters=8,
    looks=LOOKS,
    progress=False,
)
SUPERVISED = replace(
    recipe(Learning.LABELS),
    name="pbc",
    command="python -m benchmarks.pbc classes",
    widths=(*CONTRASTIVE.widths, 192),
    clusters=8,
    looks=LOOKS,
    progress=False,
)
GREY_EPOCHS = 48
"""Of grey images by the network `strided`; in 16 it had learnt no more of its own cells than of those held out."""
PAPER_C_RATE, PAPER_C_EPOCHS = 1e-3, 8
"""Of networks of paper C: 568 steps in all, for which its rate of 1e-4, meant for tens of thousands, is too small."""
LEFT_OUT = replace(
    recipe(Learning.LABELS, epochs=10, latent=96),
    together=True,
    widths=WIDTHS[Size.LARGE].together,
    clusters=7,
    looks=LOOKS,
    progress=False,
)
"""For the eight trainings without one class: one encoder of three colours, with about the arithmetic of three."""
COARSER = 2
"""How much smaller images are for the encoders that are trained often, or without labels."""


@dataclass(frozen=True)
class Study:
    """All cells in three colours and grey, and where trainings are kept."""

    cells: TrainingSet
    folder: Path | None
    network: Network = Network.STRIDED
    passes: int = LEFT_OUT.epochs

    @property
    def left_out(self) -> TrainingOptions:
        """How the models without one class are made."""
        return replace(LEFT_OUT, epochs=self.passes, patience=self.passes)

    @property
    def supervised(self) -> TrainingOptions:
        """How the models of all labels are made."""
        if self.network is Network.STRIDED:
            return SUPERVISED
        return replace(
            SUPERVISED,
            command=f"{SUPERVISED.command} --network {self.network}",
            network=self.network,
            latent=PAPER_C_LATENT,
            epochs=PAPER_C_EPOCHS,
            patience=PAPER_C_EPOCHS,
            learning_rate=PAPER_C_RATE,
        )

    def split(self, channels: tuple[str, ...]) -> RunSplit:
        """Return the cells in some of their channels, in the collection's own parts."""
        return split_by_run(self.cells_in(channels), SUPERVISED)

    def coarse_split(self) -> RunSplit:
        """Return the cells in three colours, in smaller images."""
        split = self.split(COLOURS)
        return RunSplit(*(_coarser(part) for part in (split.train, split.validation, split.test)))

    def kept(self, options: TrainingOptions, name: str) -> TrainingOptions:
        """Return options with a folder of their own, if trainings are kept."""
        return replace(options, folder=self.folder and self.folder / name)

    @property
    def _suffix(self) -> str:
        return "" if self.network is Network.STRIDED else f"-{self.network}"

    def cells_in(self, channels: tuple[str, ...]) -> TrainingSet:
        """Return all cells in some of their channels."""
        images, pool = ({c: of[c] for c in channels} for of in (self.cells.images, self.cells.pool))
        return replace(self.cells, images=images, pool=pool)

    def show_classes(self) -> None:
        """Print what a model made of all labels does on the held-out part, in colour with all its controls."""
        began = time.process_time()
        bundle = train_bundle(self.cells_in(COLOURS), self.kept(self.supervised, f"colour{self._suffix}"))
        if self.folder:
            bundle.save(self.folder / f"colour{self._suffix}.bundle")
        print(f"\nreal blood cells in three colours, {time.process_time() - began:.0f} s of one core\n", flush=True)
        print(format_metrics(bundle.contract.metrics), flush=True)

    def show_grey(self) -> None:
        """Print what an encoder of all labels and a linear classifier make of grey images."""
        split = self.split(("grey",))
        options = self.kept(self.supervised, f"grey{self._suffix}")
        if self.network is Network.STRIDED:
            options = replace(options, epochs=GREY_EPOCHS, patience=GREY_EPOCHS)
        model = fit_encoders(split.train, split.validation, options).model
        print(f"\nreal blood cells in grey: balanced accuracy {_every_label(_latents(model, split)):.3f}\n", flush=True)

    def show_few_labels(self) -> None:
        """Print what few labels are worth on an encoder that saw none, beside the frame alone and features by hand."""
        split = self.coarse_split()
        of_encoder = _latents(self._contrastive(split), split)
        frame, by_hand = (
            [columns_of(part, features) for part in (split.train, split.test)]
            for features in (lambda flat, _: frame_features(flat), hand_made_features)
        )
        ways = {
            "background alone": replace(of_encoder, learnt=frame[0], judged=frame[1]),
            "features made by hand": replace(of_encoder, learnt=by_hand[0], judged=by_hand[1]),
            "contrastive encoder, frozen": of_encoder,
        }
        print(table(("real blood cells: balanced accuracy", *(f"{n} per class" for n in SHOTS), "every label"), []))
        for name, seen in ways.items():
            for classifier in Classifier:
                curve = [few_labels(seen.learnt, seen.label, seen.judged, seen.truth, n, classifier) for n in SHOTS]
                every = f"{_every_label(seen):.3f}" if classifier is Classifier.LINEAR else ""
                print(row((f"{name}, {classifier}", *(f"{m:.3f} ± {s:.3f}" for m, s in curve), every)), flush=True)

    def show_frozen_novelty(self) -> None:
        """Print how well scores fitted without a class find it, by an encoder that saw every cell without its label."""
        split = self.coarse_split()
        frozen = _latents(self._contrastive(split), split)
        self._show_left_out("left out of the scores, contrastive", lambda _: frozen, CONTRASTIVE)

    def show_novelty(self) -> None:
        """Print how well each class is found by an encoder of the other labels, and scores, that never saw it."""
        split = self.coarse_split()
        self._show_left_out("left out of training, model of labels", lambda k: self._without(split, k), self.left_out)

    def _show_left_out(self, what: str, without: Callable[[int], Seen], options: TrainingOptions) -> None:
        for line in each_left_out(what, self.cells.label_names, without, options):
            print(line, flush=True)
        print()

    def _contrastive(self, split: RunSplit) -> Encoders:
        return fit_encoders(split.train, split.validation, self.kept(CONTRASTIVE, "contrastive")).model

    def _without(self, split: RunSplit, left_out: int) -> Seen:
        train, stop = (part.where(part.label != left_out) for part in (split.train, split.validation))
        options = self.kept(self.left_out, f"without-{self.cells.label_names[left_out]}")
        return _latents(fit_encoders(train, stop, options).model, split)


def _coarser(cells: TrainingSet) -> TrainingSet:
    images = {name: kept_images(stack[:], COARSER) for name, stack in cells.images.items()}
    return replace(cells, images=images, pool={name: pool * COARSER for name, pool in cells.pool.items()})


def _latents(model: Encoders, split: RunSplit) -> Seen:
    return Seen(encode(model, split.train), split.train.label, encode(model, split.test), split.test.label)


def _every_label(seen: Seen) -> float:
    return linear(seen.learnt, seen.label, seen.judged, seen.truth)


def blood_cells() -> TrainingSet:
    """Return all cells in three colours and grey.

    Raises
    ------
    ConfigError
        If the real images are not there.
    """
    options = CollectionOptions(channels=(*COLOURS, "grey"), side=96)
    return with_held_out_parts(from_collection(open_real_images(FILE), FILE.name, options, lambda _done, _of: None))


PARTS = {
    "classes": Study.show_classes,
    "grey": Study.show_grey,
    "few": Study.show_few_labels,
    "frozen-novelty": Study.show_frozen_novelty,
    "novelty": Study.show_novelty,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}; all without any"
    )
    parser.add_argument("--out", type=Path, help="where cells and trainings are kept")
    parser.add_argument(
        "--network", type=Network, choices=list(Network), default=Network.STRIDED, help="of 'classes' and 'grey'"
    )
    parser.add_argument("--passes", type=int, default=LEFT_OUT.epochs, help="of 'novelty'")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cells = kept_cells(asked.out and asked.out / "cells.npz", blood_cells)
    study = Study(cells, asked.out, asked.network, asked.passes)
    for part in asked.parts or PARTS:
        PARTS[part](study)
