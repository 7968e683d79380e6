"""Whether a bundle's graphs are the ones that its contract describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from inference.contract import Contract
from inference.errors import BundleError

LIVE_OUTPUTS = ("embedding", "cluster_posterior", "class_probability", "novelty")
"""What every live graph answers."""
FACTORS = "factors"
CONCEPTS = "concepts"
_EXPLAIN_OUTPUTS = ("class_logits", "embedding")


def live_outputs(contract: Contract) -> tuple[str, ...]:
    """Return what the live graph answers."""
    told = ((FACTORS, contract.factors), (CONCEPTS, contract.concepts))
    return (*LIVE_OUTPUTS, *(name for name, specs in told if specs))


def explain_outputs(contract: Contract) -> tuple[str, ...]:
    """Return what the explain graph answers: scores, embedding, a map over each channel, of clusters the posterior."""
    posterior = ("cluster_posterior",) if contract.explains_clusters else ()
    return (*_EXPLAIN_OUTPUTS, *posterior, *contract.maps.values())


def check_session(contract: Contract, session: ort.InferenceSession, name: str, outputs: Sequence[str]) -> None:
    """Compare an opened graph's inputs and outputs with the contract.

    Raises
    ------
    BundleError
        If a name, type or shape differs, or the batch axis is fixed.
    """
    wanted = {spec.channel: ("tensor(float)", spec.shape) for spec in contract.inputs}
    if "saliency" in outputs:
        wanted["target"] = ("tensor(int64)", ())
    found = {node.name: (node.type, node.shape) for node in session.get_inputs()}
    who = f"The bundle '{contract.name}' does not keep its contract: {name}"
    if set(found) != set(wanted):
        raise BundleError(f"{who} takes {', '.join(sorted(found))}, not {', '.join(sorted(wanted))}.")
    for channel, (kind, shape) in wanted.items():
        got_kind, got_shape = found[channel]
        if got_kind != kind or tuple(got_shape[1:]) != shape or isinstance(got_shape[0], int):
            raise BundleError(f"{who} takes '{channel}' as {got_kind} {got_shape}, not as {kind} {['batch', *shape]}.")
    missing = [output for output in outputs if output not in {node.name for node in session.get_outputs()}]
    if missing:
        raise BundleError(f"{who} does not answer {', '.join(missing)}.")


def check_answers(contract: Contract, answers: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Check what a graph answers for images of nothing.

    Raises
    ------
    BundleError
        If an answer has the wrong shape or type, or is not finite.
    """
    shapes = {
        "embedding": (contract.embedding_size,),
        "cluster_posterior": (len(contract.clusters),),
        "class_probability": (len(contract.classes),),
        "novelty": (),
        FACTORS: (len(contract.factors),),
        CONCEPTS: (len(contract.concepts),),
        "class_logits": (len(contract.targets),),
        **{contract.maps[spec.channel]: spec.shape for spec in contract.saliency},
    }
    who = f"The bundle '{contract.name}' does not keep its contract"
    for name, answer in answers.items():
        if answer.dtype != np.float32 or answer.shape[1:] != shapes[name]:
            raise BundleError(f"{who}: it answers '{name}' as {answer.dtype} {answer.shape[1:]}, not {shapes[name]}.")
        if not np.isfinite(answer).all():
            raise BundleError(f"{who}: it answers '{name}' with values that are not finite; its weights are damaged.")
