"""From batches to rows: what the tables of a run folder hold of every event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from inference.conformal import class_sets, set_names
from inference.contract import Contract
from inference.results import CellResults
from reconstruction.images import CellImages, Rejection
from reconstruction.speed import SpeedSource


@dataclass(frozen=True)
class AnswerNames:
    """What the numbers of a bundle's answers mean.

    Attributes
    ----------
    classes
        Names of the classes, in the order of `class_probability`; empty where the bundle has none.
    novelty_threshold
        A cell whose novelty is larger is marked `novel`.
    least_probability
        By class, the probability from which on it is in the conformal set; empty where the bundle has no sets.
    factors
        Names of the factors, in the order of `factors`; empty where the bundle has none.
    concepts
        Names of the concepts, likewise.
    """

    classes: tuple[str, ...] = ()
    novelty_threshold: float = float("inf")
    least_probability: tuple[float, ...] = ()
    factors: tuple[str, ...] = ()
    concepts: tuple[str, ...] = ()

    @classmethod
    def of(cls, contract: Contract) -> Self:
        """Return what a bundle's contract says of them."""
        least = contract.conformal.least_probability if contract.conformal else ()
        factors, concepts = (tuple(spec.name for spec in specs) for specs in (contract.factors, contract.concepts))
        return cls(contract.classes, contract.novelty.threshold, least, factors, concepts)


def cell_rows(images: CellImages, results: CellResults, names: AnswerNames, sample_rate_hz: float) -> pa.Table:
    """Return one row per cell: place, speed, features, and the answer.

    `cluster_posteriors` and `class_probabilities` are lists with everything the bundle said; the plain columns hold
    what people filter by. Values that could not be measured (NaN) are null, which no filter matches.

    Raises
    ------
    ValueError
        If images and results are not of the same events.
    """
    if not np.array_equal(images.event_id, results.event_id):
        raise ValueError("images and results must be of the same events, in the same order")
    rows = np.arange(len(results))
    cluster = results.cluster
    columns = _place_columns(images, sample_rate_hz)
    columns["cluster"] = pa.array(cluster)
    columns["cluster_posterior"] = _numbers(results.cluster_posterior[rows, cluster])
    if results.mixture is not None:
        columns["mixture"] = pa.array(results.mixture)
    columns["class"], columns["class_probability"] = _classes(results, names, rows)
    columns["conformal"] = _conformal(results, names)
    columns["novelty"] = _numbers(results.novelty)
    columns["novel"] = pa.array(results.novelty > names.novelty_threshold)
    for sort, known, answers in (
        ("factor", names.factors, results.factors),
        ("concept", names.concepts, results.concepts),
    ):
        if answers is not None:
            columns |= _all_numbers([f"{sort}_{name}" for name in known], answers.T)
    columns |= _all_numbers([f"embedding_{axis}" for axis in range(results.embedding.shape[1])], results.embedding.T)
    columns["cluster_posteriors"] = _lists(results.cluster_posterior)
    columns["class_probabilities"] = _lists(results.class_probability)
    return pa.table(columns)


def rejected_rows(images: CellImages, sample_rate_hz: float) -> pa.Table:
    """Return one row per event that cannot be judged: place, speed, features, and the reason."""
    columns = _place_columns(images, sample_rate_hz)
    columns["rejection"] = pa.array(images.rejection, pa.string())
    return pa.table(columns)


def measured_of_rows(rows: pa.Table, images: Mapping[str, npt.NDArray[np.float32]], pixel_um: float) -> CellImages:
    """Return rows of cells as the batch that they were made of, without their answers.

    Parameters
    ----------
    rows
        As `cell_rows` gave them.
    images
        By channel, an image for each row.
    pixel_um
        Edge of a pixel.
    """
    names = rows.column_names
    features = names[names.index("flags") + 1 : names.index("cluster")]
    return CellImages(
        event_id=_column(rows, "event_id", np.uint64),
        epoch=_column(rows, "epoch", np.int32),
        trigger_tick=_column(rows, "trigger_tick", np.float64),
        images=images,
        pixel_um=pixel_um,
        speed_m_s=_column(rows, "speed_m_s", np.float32),
        speed_error_m_s=_column(rows, "speed_error_m_s", np.float32),
        speed_source=tuple(SpeedSource(text) for text in rows.column("speed_source").to_pylist()),
        flags=_column(rows, "flags", np.uint32),
        rejection=(Rejection.NONE,) * rows.num_rows,
        features={name: _column(rows, name, np.float32) for name in features},
    )


def count_reasons(reasons: Sequence[str]) -> dict[str, int]:
    """Return how often each rejection occurs."""
    return dict(Counter(str(reason) for reason in reasons))


def _place_columns(images: CellImages, sample_rate_hz: float) -> dict[str, Any]:
    return {
        "event_id": pa.array(images.event_id),
        "epoch": pa.array(images.epoch),
        "trigger_tick": pa.array(images.trigger_tick),
        "time_s": pa.array(images.trigger_tick / sample_rate_hz),
        "speed_m_s": _numbers(images.speed_m_s),
        "speed_error_m_s": _numbers(images.speed_error_m_s),
        "speed_source": pa.array(images.speed_source, pa.string()),
        "flags": pa.array(images.flags),
        **_all_numbers(list(images.features), list(images.features.values())),
    }


def _classes(results: CellResults, names: AnswerNames, rows: npt.NDArray[np.intp]) -> tuple[Any, Any]:
    probability = results.class_probability
    if probability.shape[1] == 0:
        return pa.array([""] * len(rows), pa.string()), pa.nulls(len(rows), pa.float32())
    best = probability.argmax(axis=1)
    # A head without class names was fitted to the clusters; its answers have numbers, not names.
    labels = [*names.classes, *[""] * (probability.shape[1] - len(names.classes))]
    return pa.array(labels, pa.string()).take(pa.array(best)), _numbers(probability[rows, best])


def _conformal(results: CellResults, names: AnswerNames) -> Any:
    if not names.least_probability:
        return pa.array([""] * len(results), pa.string())
    sets = class_sets(results.class_probability, names.least_probability)
    # Many cells have few sets, and a name takes long to put together.
    packed = np.packbits(sets, axis=1)
    _, first, which = np.unique(packed.view(f"V{packed.shape[1]}"), return_index=True, return_inverse=True)
    return pa.array(set_names(sets[first], names.classes), pa.string()).take(pa.array(which.ravel()))


def _column(rows: pa.Table, name: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    # What could not be measured is null in a table and NaN in a batch.
    return np.asarray(rows.column(name).to_numpy(), dtype)


def _numbers(values: npt.NDArray[np.float32]) -> Any:
    # What is NaN becomes null, in half the time that a mask takes: made of every column of every batch.
    return pa.array(values, from_pandas=True)


def _all_numbers(names: Sequence[str], values: Sequence[npt.NDArray[np.float32]] | npt.NDArray[np.float32]) -> Any:
    """Return columns by name, as `_numbers` of each, `(len(names), n)`: made as one, and cut."""
    if not names:
        return {}
    table = np.array(values, np.float32)
    joined, length = _numbers(table.ravel()), table.shape[1]
    return {name: joined.slice(at * length, length) for at, name in enumerate(names)}


def _lists(values: npt.NDArray[np.float32]) -> Any:
    offsets = np.arange(values.shape[0] + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.ascontiguousarray(values).ravel()))
