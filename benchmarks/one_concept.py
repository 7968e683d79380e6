"""How well a network ranks one concept when it learns nothing else: what limits an axis of the same network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.page import row, table
from inference.training.concept_scores import curve
from inference.training.data import TrainingSet
from inference.training.fit import encode_by, fit_encoders
from inference.training.models import LabelledEncoders
from inference.training.options import TrainingOptions
from inference.training.split import RunSplit


def say_alone(split: RunSplit, options: TrainingOptions, names: tuple[str, ...]) -> None:
    """Print the area under the curve of each concept, by a network that learnt nothing else.

    Parameters
    ----------
    split
        With the concepts among its factors; cells of which nobody says are left out.
    options
        Of every training; a folder holds one folder for each concept.
    """
    head = ("learnt alone, nothing else", "cells", "that have it", "area under the curve")
    print("\n" + table(head, []), flush=True)
    for name in names:
        train, stop, test = (_as_classes(part, name) for part in (split.train, split.validation, split.test))
        folder = options.folder and options.folder / f"alone-{name}"
        model = fit_encoders(train, stop, replace(options, folder=folder)).model
        if not isinstance(model, LabelledEncoders):
            raise TypeError("A concept is learnt as classes are.")
        scores = encode_by(lambda prepared, m=model: m.classes(m.latent(prepared)), model, test)
        told = curve(scores[:, 1] - scores[:, 0], name, test)
        print(row((name, len(train), int(train.label.sum()), "none" if told is None else f"{told:.3f}")), flush=True)


def _as_classes(cells: TrainingSet, name: str) -> TrainingSet:
    """Return the cells of which it is known, with the concept in the place of the class."""
    known = cells.where(np.isfinite(cells.factors[name]))
    return replace(known, label=(known.factors[name] == 1.0).astype(np.int32), label_names=("lacks", "has"))
