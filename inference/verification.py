"""Every check of a bundle that can be made without an instrument."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.bundle import Bundle
from inference.engine import Engine
from inference.errors import BundleError
from inference.graph_check import check_answers
from inference.onnx_file import summarise

BATCHES = (1, 4, 7)
TOLERANCE = 1e-5
"""Largest difference of an answer between batch sizes, relative to the largest answer, or to 1."""

Images = dict[str, npt.NDArray[np.float32]]
Answers = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    what
        Its name.
    passed
        Whether it is as it must be.
    found
        What was found, in words; if it did not pass, a sentence.
    """

    what: str
    passed: bool
    found: str


def verify(path: str | os.PathLike[str]) -> Iterator[Check]:
    """Check a bundle file, thing by thing, up to the first that does not pass.

    Parameters
    ----------
    path
        The file. Its graphs are run on the processor.
    """
    loaded: list[Bundle] = []
    opened: list[Engine] = []

    def load() -> str:
        loaded.append(Bundle.load(path))
        return f"three members, a valid contract, digest {loaded[0].digest[:12]}"

    def open_graphs() -> str:
        opened.append(Engine(loaded[0], "cpu", threads=1, batch_sizes=BATCHES))
        return f"{_inputs(loaded[0])}, any batch; every answer has the promised shape and type"

    checks: dict[str, Callable[[], str]] = {
        "file": load,
        "operators": lambda: _operators(loaded[0]),
        "weights": lambda: _weights(loaded[0]),
        "shapes": open_graphs,
        "blank images": lambda: _finite(opened[0], _blank(loaded[0])),
        "random images": lambda: _finite(opened[0], _random(loaded[0])),
        "batch sizes": lambda: _alike(opened[0], _random(loaded[0])),
    }
    for what, look in checks.items():
        try:
            yield Check(what, True, look())
        except BundleError as error:
            yield Check(what, False, str(error))
            return


def _operators(bundle: Bundle) -> str:
    used = summarise(bundle.live).operators | summarise(bundle.explain).operators
    return f"operator set {bundle.contract.opset}, {len(used)} operators, all of the ONNX standard"


def _weights(bundle: Bundle) -> str:
    live, explain = summarise(bundle.live).weights, summarise(bundle.explain).weights
    return f"{live} live and {explain} explaining, all finite, none in other files"


def _inputs(bundle: Bundle) -> str:
    return ", ".join(f"{spec.channel} {' x '.join(map(str, spec.shape))}" for spec in bundle.contract.inputs)


def _finite(engine: Engine, images: Images) -> str:
    for size in BATCHES:
        check_answers(engine.contract, _answers(engine, images, size))
    return f"answers and maps are finite at batches of {', '.join(map(str, BATCHES))}"


def _alike(engine: Engine, images: Images) -> str:
    """Compare what a cell is answered alone and in every larger batch."""
    rows = max(BATCHES)
    alone = [_answers(engine, {name: stack[row : row + 1] for name, stack in images.items()}, 1) for row in range(rows)]
    worst = 0.0
    for size in BATCHES:
        for name, answer in _answers(engine, images, size).items():
            wanted = np.concatenate([answers[name] for answers in alone])[:size]
            largest = max(1.0, float(np.abs(wanted).max(initial=0.0)))
            worst = max(worst, float(np.abs(answer - wanted).max(initial=0.0)) / largest)
    if worst > TOLERANCE:
        raise BundleError(
            f"The bundle '{engine.contract.name}' answers otherwise for a cell in another batch, by {worst:.1e}; its "
            "graphs mix the cells of a batch."
        )
    return f"a cell is answered the same in batches of {', '.join(map(str, BATCHES))}, within {worst:.0e}"


def _answers(engine: Engine, images: Images, rows: int) -> Answers:
    """Return everything that both graphs answer for the first rows."""
    cut = {name: stack[:rows] for name, stack in images.items()}
    results = engine.answer_arrays(np.arange(rows, dtype=np.uint64), cut)
    explanation = engine.explain(cut, 0)
    maps = {engine.contract.maps[channel]: stack for channel, stack in explanation.maps.items()}
    return {
        "embedding": results.embedding,
        "cluster_posterior": results.cluster_posterior,
        "class_probability": results.class_probability,
        "novelty": results.novelty,
        **results.named,
        "class_logits": explanation.class_logits,
        **maps,
    }


def _blank(bundle: Bundle) -> Images:
    return {spec.channel: np.ones((max(BATCHES), *spec.shape), dtype=np.float32) for spec in bundle.contract.inputs}


def _random(bundle: Bundle) -> Images:
    rng = np.random.default_rng(0)
    return {name: rng.normal(stack, 0.1).astype(np.float32) for name, stack in _blank(bundle).items()}
