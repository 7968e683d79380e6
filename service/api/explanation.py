"""What the model said of one stored cell, and the evidence for it, which is made when somebody asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.contract import Contract, SaliencySpec
from inference.engine import Engine
from service.api.documents import Answers
from service.errors import QueryError, UnknownCell
from service.store.run_folder import RunFolder

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CellSaliency:
    """Evidence for one target of one cell.

    Attributes
    ----------
    image
        The image that the map lies over, `(y, x)` or `(z, y, x)` float32.
    spec
        What the contract says of the map.
    target
        What was explained, an index into the contract's targets.
    map
        As many axes as the image, float32, low resolution, in the units of the method.
    empty
        True where nothing in this image speaks for the target: the map is zero everywhere.
    """

    image: Floats
    spec: SaliencySpec
    target: int
    map: Floats
    empty: bool


def model_inputs(folder: RunFolder, contract: Contract, event_id: int) -> Mapping[str, Floats]:
    """Return the images that the model takes, each with a batch axis of one."""
    return {
        spec.channel: np.asarray(folder.image(event_id, spec.channel), dtype=np.float32)[np.newaxis]
        for spec in contract.inputs
    }


def answers_of(row: Mapping[str, Any], contract: Contract) -> Answers:
    """Return what the model said of one cell when it flowed.

    Parameters
    ----------
    row
        Everything the table holds of the cell.
    contract
        Of the bundle that answered; it names clusters, classes and the novelty threshold.

    Raises
    ------
    UnknownCell
        If the event was rejected, and so never had an answer.
    """
    if "cluster_posteriors" not in row:
        raise UnknownCell(
            f"Event {row['event_id']} was rejected ({row.get('rejection', 'unknown reason')}) and has no answer; "
            "its images and raw window can be had."
        )
    axes = sorted((name for name in row if name.startswith("embedding_")), key=lambda name: int(name.split("_")[1]))
    return Answers(
        event_id=int(row["event_id"]),
        embedding=[float(row[name]) for name in axes],
        clusters=list(contract.clusters),
        cluster_posterior=[float(value) for value in row["cluster_posteriors"]],
        classes=list(contract.classes),
        class_probability=[float(value) for value in row["class_probabilities"]],
        targets=list(contract.targets),
        novelty=float(row["novelty"]),
        novelty_threshold=contract.novelty.threshold,
    )


def saliency_of(
    folder: RunFolder, engine: Engine, event_id: int, target: int, channel: str | None = None
) -> CellSaliency:
    """Ask the explain graph for the evidence for a target, -1 being the most likely one, in the images of a channel.

    Without a channel, the first one is taken that the model has a map over.

    Raises
    ------
    QueryError
        If the model has no such target, or no map over that channel.
    UnknownCell
        If the run has no such event.
    """
    contract = engine.contract
    if target >= len(contract.targets):
        raise QueryError(
            f"The model has no target {target}; use -1 for the most likely one, or 0 to {len(contract.targets) - 1}."
        )
    specs = {spec.channel: spec for spec in contract.saliency}
    spec = contract.saliency[0] if channel is None else specs.get(channel)
    if spec is None:
        raise QueryError(f"The model has no map over '{channel}'; use one of {', '.join(specs)}.")
    arrays = model_inputs(folder, contract, event_id)
    explanation = engine.explain(dict(arrays), np.array([target], dtype=np.int64))
    found = explanation.maps[spec.channel][0]
    return CellSaliency(
        image=arrays[spec.channel][0],
        spec=spec,
        target=int(explanation.target[0]),
        map=found,
        empty=not found.any(),
    )
