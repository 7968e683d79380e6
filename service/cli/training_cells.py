"""What the places of `lightline train` have, as the one set that is learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from inference.errors import TrainingError
from inference.training.concept_columns import concept_columns
from service.cli.model_kinds import Wanted

if TYPE_CHECKING:
    from inference.training.data import TrainingSet


def joined(places: Sequence[str], found: Iterable[TrainingSet], wanted: Wanted, *, labels: bool) -> TrainingSet:
    """Return the cells of all places, split into runs of which whole ones can be held out.

    Parameters
    ----------
    places, found
        Where cells come from, and those of each, in the same order.
    wanted
        What was to be taken of them.
    labels
        Whether classes are kept.

    Raises
    ------
    TrainingError
        If a place has no cells, or places do not belong together.
    """
    from inference.training.collection import with_held_out_parts
    from inference.training.data import TrainingSet

    together = TrainingSet.concatenate(_checked(*each, wanted) for each in zip(places, found, strict=True))
    training_set = with_held_out_parts(together)
    return training_set if labels else _without_labels(training_set)


def _checked(place: str, found: TrainingSet, wanted: Wanted) -> TrainingSet:
    if wanted.concepts and not found.factors:
        found = _with_classes_as_concepts(found, wanted.concepts, place)
    if not len(found):
        raise TrainingError(f"No event of '{place}' is a cell that can be judged; look at it with 'lightline run'.")
    return found


def _with_classes_as_concepts(found: TrainingSet, concepts: tuple[str, ...], place: str) -> TrainingSet:
    """Return cells of which nothing but the class is said, with the concepts of it."""
    labels = [found.label_names[k] if k >= 0 else "" for k in found.label.tolist()]
    return replace(found, factors=concept_columns(concepts, {}, labels, place))


def _without_labels(training_set: TrainingSet) -> TrainingSet:
    from inference.training.data import UNLABELLED

    return replace(training_set, label=np.full_like(training_set.label, UNLABELLED), label_names=())
