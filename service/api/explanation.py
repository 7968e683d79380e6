"""What the model said of one stored cell, and the evidence for it, which is made when somebody asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from inference.contract import Contract, SaliencySpec
from inference.engine import Engine
from inference.evaluation.ways import Way, map_by
from inference.hot_map import hot_map
from service.api.cell_documents import Answers
from service.errors import QueryError, UnknownCell
from service.store.results import Results

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Found:
    """Evidence over one channel of one cell: the target's index, the map, and how it was made of what."""

    target: int
    map: Floats
    method: str
    layer: str


@dataclass(frozen=True)
class Question:
    """What evidence is asked for.

    Attributes
    ----------
    index
        Of a target of the contract or of a cluster; -1 is the most likely one.
    cluster
        Whether it is a cluster, by the mixture itself.
    way
        How it is found.
    """

    index: int
    cluster: bool
    way: Way = Way.GRADIENT

    @classmethod
    def asked(cls, target: int | None, cluster: int | None, way: Way = Way.GRADIENT) -> Self:
        """Return the question of a query.

        Raises
        ------
        QueryError
            If both are asked for.
        """
        if target is not None and cluster is not None:
            raise QueryError("A map is evidence for one thing: give either 'target' or 'cluster'.")
        if cluster is not None:
            return cls(cluster, cluster=True, way=way)
        return cls(-1 if target is None else target, cluster=False, way=way)

    def explain(self, engine: Engine, arrays: Mapping[str, Floats], spec: SaliencySpec) -> Found:
        """Ask a model about one cell, whose images have a batch axis of one.

        Raises
        ------
        AnswerError
            If it has no such target or cluster, or no maps for its clusters.
        """
        if self.way is Way.COVERING:
            cell = {name: stack[0] for name, stack in arrays.items()}
            hot = hot_map(engine, cell, spec.channel, self.index, clusters=self.cluster)
            return Found(hot.target, hot.evidence, "reverse_probability", "image")
        explanation = (engine.explain_cluster if self.cluster else engine.explain)(arrays, self.index)
        target = int(explanation.target[0])
        if self.way is Way.OCCLUSION:
            cell = {name: stack[0] for name, stack in arrays.items()}
            lost = map_by(self.way, engine, cell, spec.channel, target, clusters=self.cluster)
            return Found(target, lost, "occlusion", "image")
        return Found(target, explanation.maps[spec.channel][0], spec.method, spec.layer)

    def name(self, contract: Contract, index: int) -> str:
        """Return the name of what was explained."""
        return (contract.clusters if self.cluster else contract.targets)[index]


@dataclass(frozen=True)
class CellSaliency:
    """Evidence for one target or cluster of one cell.

    Attributes
    ----------
    image
        The image that the map lies over, `(y, x)` or `(z, y, x)` float32.
    channel
        Of that image.
    method, layer
        How the map was made, and of what.
    target
        What was explained, an index into the contract's targets or clusters.
    name
        Of that.
    map
        As many axes as the image, float32, in the units of the method; by gradients of a low resolution.
    empty
        True where nothing in this image speaks for the target: the map is zero everywhere.
    """

    image: Floats
    channel: str
    method: str
    layer: str
    target: int
    name: str
    map: Floats
    empty: bool


def model_inputs(results: Results, contract: Contract, event_id: int) -> Mapping[str, Floats]:
    """Return the images that the model takes, each with a batch axis of one."""
    return {
        spec.channel: np.asarray(results.image(event_id, spec.channel), dtype=np.float32)[np.newaxis]
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
        explained_clusters=list(contract.clusters) if contract.explains_clusters else [],
        novelty=float(row["novelty"]),
        novelty_threshold=contract.novelty.threshold,
    )


def saliency_of(
    results: Results, engine: Engine, event_id: int, question: Question, channel: str | None = None
) -> CellSaliency:
    """Ask the model for the evidence in the images of a channel.

    Without a channel, the first one is taken that the model has a map over.

    Raises
    ------
    QueryError, AnswerError
        If the model has no such target or cluster, or no map over that channel.
    UnknownCell
        If the run has no such event.
    """
    contract = engine.contract
    specs = {spec.channel: spec for spec in contract.saliency}
    spec = contract.saliency[0] if channel is None else specs.get(channel)
    if spec is None:
        raise QueryError(f"The model has no map over '{channel}'; use one of {', '.join(specs)}.")
    arrays = model_inputs(results, contract, event_id)
    found = question.explain(engine, arrays, spec)
    return CellSaliency(
        image=arrays[spec.channel][0],
        channel=spec.channel,
        method=found.method,
        layer=found.layer,
        target=found.target,
        name=question.name(contract, found.target),
        map=found.map,
        empty=not found.map.any(),
    )
