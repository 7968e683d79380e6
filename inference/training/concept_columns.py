"""What people say of cells, in words, as factors: 1 for a cell that has a concept, 0 for one that lacks it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from inference.errors import TrainingError

CLASS = "class"
"""What the cells are called themselves."""


def concept_name(wanted: str) -> str:
    """Return the name of the concept `FACT=WORD`, such as `granularity_yes`.

    Raises
    ------
    TrainingError
        If it is not written so.
    """
    fact, _, word = wanted.partition("=")
    if not fact or not word:
        raise TrainingError(f"A concept is written FACT=WORD, such as granularity=yes, and not '{wanted}'.")
    name = re.sub(r"[^a-z0-9]+", "_", f"{fact}_{word}".lower()).strip("_")[:48]
    if not name[:1].isalpha():
        raise TrainingError(f"The concept '{wanted}' must begin with a letter, as its column will.")
    return name


def concept_columns(
    wanted: Sequence[str], facts: Mapping[str, Sequence[str]], labels: Sequence[str], place: str
) -> dict[str, npt.NDArray[np.float64]]:
    """Return a column `(n,)` for each concept: 1 where the fact is the word, 0 where it is another, NaN where unknown.

    Parameters
    ----------
    wanted
        Concepts, each `FACT=WORD`; the fact `class` is what cells are called.
    facts
        Words of every cell by fact, empty where unknown.
    labels
        Class of every cell, likewise.
    place
        Where they come from, for errors.

    Raises
    ------
    TrainingError
        If there is no such fact, or nobody has the word.
    """
    columns = {}
    for concept in wanted:
        name, (fact, _, word) = concept_name(concept), concept.partition("=")
        if fact != CLASS and fact not in facts:
            known = ", ".join((CLASS, *facts))
            raise TrainingError(f"Nothing is said of '{fact}' in '{place}'; concepts are words of {known}.")
        words = np.asarray(labels if fact == CLASS else facts[fact])
        if word not in words:
            said = ", ".join(sorted(set(words.tolist()) - {""})[:8])
            raise TrainingError(f"No cell of '{place}' has '{fact}' '{word}'; use one of {said}.")
        columns[name] = np.where(words == "", np.nan, words == word)
    return columns
