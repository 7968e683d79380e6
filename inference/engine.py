"""Answers for cells: a bundle's graphs on the hardware at hand."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.batched_graph import BatchedGraph
from inference.bundle import Bundle
from inference.contract import Contract
from inference.errors import AnswerError, BundleError
from inference.graph_check import check_answers, check_session, explain_outputs, live_outputs
from inference.provider import CPU, ProviderChoice, open_session
from inference.results import CellResults
from inference.targets import ARGMAX, ARGMAX_CLUSTER
from inference.tuning import run_plan
from reconstruction.images import CellImages

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Explanation:
    """Why a bundle answers as it does, for `n` cells.

    Attributes
    ----------
    target
        `(n,)` int64, what is explained; an index into `Contract.targets`, or of `explain_cluster` into
        `Contract.clusters`.
    class_logits
        `(n, c)` float32, scores before the softmax.
    maps
        By channel, `(n, y, x)` or `(n, z, y, x)` float32: raw low-resolution maps, not negative and not normalised.
    """

    target: npt.NDArray[np.int64]
    class_logits: Floats
    maps: Mapping[str, Floats]

    @property
    def saliency(self) -> Floats:
        """The map over the first channel."""
        return next(iter(self.maps.values()))

    @property
    def empty(self) -> npt.NDArray[np.bool_]:
        """`(n,)` bool, True where nothing speaks for the target and every map is zero everywhere."""
        lit = [stack.reshape(len(stack), -1).any(axis=1) for stack in self.maps.values()]
        return np.asarray(~np.any(lit, axis=0))

    def __len__(self) -> int:
        return int(self.target.shape[0])


class Engine:
    """A bundle ready to answer; safe to use from several threads.

    Parameters
    ----------
    bundle
        The model.
    provider
        `auto`, `cpu` or `cuda`; what it really became is in `provider`.
    threads
        Threads on the CPU, each of which answers a share of a batch; None takes what `tune` found, else
        `default_threads`.
    batch_sizes
        The sizes that graphs are run at. A request is cut into these, so that every shape is known, and warmed, before
        the first cell. None takes what `tune` found on this hardware, else the usual ones.

    Raises
    ------
    ProviderError
        If CUDA is demanded and not to be had.
    BundleError
        If the graphs are not the ones that the contract describes.
    """

    def __init__(
        self,
        bundle: Bundle,
        provider: str = "auto",
        *,
        threads: int | None = None,
        batch_sizes: Sequence[int] | None = None,
    ) -> None:
        if provider not in list(ProviderChoice):
            raise AnswerError(f"There is no provider '{provider}'; use one of {', '.join(ProviderChoice)}.")
        if batch_sizes is not None and (not batch_sizes or min(batch_sizes) < 1):
            raise AnswerError("The batch sizes must be one or more whole numbers above 0.")
        self._bundle = bundle
        self._choice = ProviderChoice(provider)
        self._threads = None if threads is None else max(1, threads)
        self._sizes = batch_sizes
        self._explain_graph: BatchedGraph | None = None
        self._explain_lock = threading.Lock()
        self._live_graph = self._open_live()

    @property
    def bundle(self) -> Bundle:
        """The model that answers."""
        return self._bundle

    @property
    def contract(self) -> Contract:
        """What the model promises."""
        return self._bundle.contract

    @property
    def provider(self) -> str:
        """The execution provider that the live graph really runs on, in ONNX Runtime's own words."""
        return self._live_graph.provider

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Sizes that graphs are run at, ascending."""
        return self._live_graph.sizes

    def warm(self, *, explain: bool = True) -> None:
        """Run the live graph at every batch size, and the explain graph at the smallest."""
        self._live_graph.warm(self._blank(self.batch_sizes[-1]))
        if explain:
            self.explain(self._blank(1))

    def answer(self, images: CellImages) -> CellResults:
        """Answer for a batch of images, in its order.

        Raises
        ------
        AnswerError
            If a channel that the bundle needs is missing, or has another shape.
        """
        return self.answer_arrays(images.event_id, images.images)

    def answer_arrays(self, event_id: npt.NDArray[np.uint64], arrays: Mapping[str, npt.ArrayLike]) -> CellResults:
        """Answer for images given by channel name, `(n, ...)` each; channels that the bundle does not know are ignored.

        Raises
        ------
        AnswerError
            If a channel that the bundle needs is missing, or has another shape.
        """
        ids = np.asarray(event_id, dtype=np.uint64)
        inputs = self._inputs(arrays, len(ids))
        answers = self._live_graph.run(inputs)
        return CellResults(event_id=ids, **answers)

    def explain(self, arrays: Mapping[str, npt.ArrayLike], target: npt.ArrayLike | int = ARGMAX) -> Explanation:
        """Explain the score of one target per cell.

        Parameters
        ----------
        arrays
            Images by channel name, `(n, ...)` each.
        target
            `(n,)` integers, or one for all: index into `Contract.targets`, -1 for the most likely.

        Raises
        ------
        AnswerError
            If a channel is missing or has another shape, or a target does not exist.
        """
        targets = _chosen("target", target, self._rows(arrays), self.contract.targets)
        return self._explained(arrays, targets, targets, "class_logits")

    def explain_cluster(
        self, arrays: Mapping[str, npt.ArrayLike], cluster: npt.ArrayLike | int = ARGMAX
    ) -> Explanation:
        """Explain the log odds of one cluster per cell, by the mixture itself and not by the class head.

        Parameters
        ----------
        arrays
            Images by channel name, `(n, ...)` each.
        cluster
            `(n,)` integers, or one for all: index into `Contract.clusters`, -1 for the most likely.

        Raises
        ------
        AnswerError
            If a channel is missing or has another shape, a cluster does not exist, or the bundle has no such maps.
        """
        if not self.contract.explains_clusters:
            raise AnswerError(
                f"The bundle '{self.contract.name}' has no maps for its clusters; make it again with 'lightline train'."
            )
        clusters = _chosen("cluster", cluster, self._rows(arrays), self.contract.clusters)
        targets = np.where(clusters < 0, ARGMAX_CLUSTER, clusters + len(self.contract.targets))
        return self._explained(arrays, targets, clusters, "cluster_posterior")

    def _explained(
        self,
        arrays: Mapping[str, npt.ArrayLike],
        targets: npt.NDArray[np.int64],
        wanted: npt.NDArray[np.int64],
        scores: str,
    ) -> Explanation:
        """Run the explain graph; where none is `wanted` by number, that of the highest score was explained."""
        answers = self._explaining().run({**self._inputs(arrays, len(targets)), "target": targets})
        chosen = np.where(wanted < 0, answers[scores].argmax(axis=1), wanted).astype(np.int64)
        maps = {channel: answers[output] for channel, output in self.contract.maps.items()}
        return Explanation(target=chosen, class_logits=answers["class_logits"], maps=maps)

    def _rows(self, arrays: Mapping[str, npt.ArrayLike]) -> int:
        return next(iter(np.shape(arrays.get(self.contract.inputs[0].channel, ()))), 0)

    def _open_live(self) -> BatchedGraph:
        graph = self._opened("live.onnx", self._bundle.live, live_outputs(self.contract), self._choice)
        try:
            answers = graph.run(self._blank(2))
        except BundleError:
            # CUDA may open and yet not run (a missing cuDNN); only a demand for CUDA makes that an error.
            if self._choice is not ProviderChoice.AUTO or graph.provider == CPU:
                raise
            self._choice = ProviderChoice.CPU
            return self._open_live()
        check_answers(self.contract, answers)
        return graph

    def _explaining(self) -> BatchedGraph:
        """Open the explain graph when it is first asked for: many runs never do."""
        with self._explain_lock:
            if self._explain_graph is None:
                choice = ProviderChoice.CPU if self.provider == CPU else self._choice
                outputs = explain_outputs(self.contract)
                graph = self._opened("explain.onnx", self._bundle.explain, outputs, choice)
                blank = {**self._blank(2), "target": np.full(2, ARGMAX, dtype=np.int64)}
                check_answers(self.contract, graph.run(blank))
                self._explain_graph = graph
            return self._explain_graph

    def _opened(self, name: str, graph: bytes, outputs: Sequence[str], choice: ProviderChoice) -> BatchedGraph:
        session = open_session(graph, choice, f"{name} of the bundle '{self.contract.name}'")
        check_session(self.contract, session, name, outputs)
        plan = run_plan(self._bundle.digest, str(session.get_providers()[0]), self._threads, self._sizes)
        return BatchedGraph(session, outputs, plan, self.contract.name)

    def _blank(self, rows: int) -> dict[str, npt.NDArray[np.generic]]:
        """Images of nothing, where 1 is the empty background."""
        return {spec.channel: np.ones((rows, *spec.shape), dtype=np.float32) for spec in self.contract.inputs}

    def _inputs(self, arrays: Mapping[str, npt.ArrayLike], rows: int) -> dict[str, npt.NDArray[np.generic]]:
        inputs: dict[str, npt.NDArray[np.generic]] = {}
        for spec in self.contract.inputs:
            if spec.channel not in arrays:
                raise AnswerError(f"The bundle '{self.contract.name}' needs images of '{spec.channel}'; give them.")
            image = np.ascontiguousarray(arrays[spec.channel], dtype=np.float32)
            if image.shape != (rows, *spec.shape):
                raise AnswerError(
                    f"The images of '{spec.channel}' must have the shape {(rows, *spec.shape)}, not {image.shape}."
                )
            inputs[spec.channel] = image
        return inputs


def _chosen(what: str, asked: npt.ArrayLike | int, rows: int, names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return what is to be explained of every cell, `(rows,)`.

    Raises
    ------
    AnswerError
        If these are not whole numbers, one for all cells or one for each, or there is no such one.
    """
    chosen = np.asarray(asked)
    if chosen.dtype.kind not in "iu" or chosen.shape not in ((), (rows,)):
        raise AnswerError(f"The {what} must be one whole number, or one for each of the {rows} cells.")
    if chosen.size and (chosen.min() < ARGMAX or chosen.max() >= len(names)):
        raise AnswerError(
            f"There is no such {what}: use 0 to {len(names) - 1} ({', '.join(names)}), or -1 for the most likely."
        )
    return np.broadcast_to(chosen.astype(np.int64), (rows,)).copy()
