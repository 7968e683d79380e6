"""A graph over any number of rows, in batches of a few warmed sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from inference.errors import BundleError
from inference.provider import CPU, first_line
from inference.tuning import RunPlan

Floats = npt.NDArray[np.float32]
Inputs = Mapping[str, npt.NDArray[np.generic]]

# On a processor a row of padding costs as much as a cell; on a graphics card another batch costs more.
_MOST_PADDING = {True: 0.2, False: 1.0}
# Of a batch's images on a processor: what its layers hand on has to stay in the cache.
_MOST_BYTES = 8 * 2**20
# A thread's share comes in this many batches, unless it is of this few rows: every batch has a cost of its own.
_BATCHES_PER_SHARE = 2
_WHOLE_SHARE = 4


class BatchedGraph:
    """An open graph whose rows do not depend on each other; safe to use from several threads.

    Parameters
    ----------
    session
        The graph.
    outputs
        What is asked of it.
    plan
        Sizes of the batches that it is run at, and threads: on a processor each takes batch after batch; within a graph
        they would wait for each other at every layer.
    name
        Of the bundle, for errors.
    """

    def __init__(self, session: ort.InferenceSession, outputs: Sequence[str], plan: RunPlan, name: str) -> None:
        self.provider = str(session.get_providers()[0])
        self._session = session
        self._outputs = list(outputs)
        self.sizes = plan.sizes
        self._usual = plan.usual
        self._threads = plan.threads if self.provider == CPU else 1
        self._most_padding = _MOST_PADDING[self.provider == CPU]
        # The thread that asks works as well.
        self._pool = ThreadPoolExecutor(max(1, self._threads - 1), thread_name_prefix="answer")
        self._name = name

    def warm(self, largest: Inputs) -> None:
        """Run every size that is used once, on the first rows of a batch of the largest."""
        for size in self._sizes_that_fit(largest):
            self._run_batch(largest, slice(0, size), size)

    def run(self, inputs: Inputs) -> dict[str, Floats]:
        """Return the outputs by name, a row for every row of the inputs.

        Raises
        ------
        BundleError
            If ONNX Runtime cannot run the graph.
        """
        rows = len(next(iter(inputs.values())))
        batches = cuts(rows, self._sizes_for(inputs, rows), self._most_padding)
        answered: list[list[Floats]] = [[]] * len(batches)
        waiting = iter(range(len(batches)))

        def work() -> None:
            # Who is done first takes the next: a share fixed beforehand waits where another program has a core.
            for i in waiting:
                at, count, size = batches[i]
                answered[i] = self._run_batch(inputs, slice(at, at + count), size)

        helpers = [self._pool.submit(work) for _ in range(min(self._threads, len(batches)) - 1)]
        try:
            work()
        finally:
            for helper in helpers:
                # One that never began has nothing left to do; another caller may keep it waiting.
                if not helper.cancel():
                    helper.result()
        return {name: np.concatenate([batch[i] for batch in answered]) for i, name in enumerate(self._outputs)}

    def _sizes_for(self, inputs: Inputs, rows: int) -> tuple[int, ...]:
        """Return the sizes of batches that are small enough for every thread to get its share of so many rows."""
        sizes = self._sizes_that_fit(inputs)
        if self._threads == 1:
            return sizes
        share = -(-rows // self._threads)
        most = max(sizes[0], min(share, _WHOLE_SHARE), share // _BATCHES_PER_SHARE)
        return tuple(size for size in sizes if size <= most)

    def _sizes_that_fit(self, inputs: Inputs) -> tuple[int, ...]:
        """Return the sizes of batches; of the usual ones those that a processor's cache holds, or the smallest."""
        if self.provider != CPU or not self._usual:
            return self.sizes
        row_bytes = sum(math.prod(array.shape[1:]) * array.itemsize for array in inputs.values())
        return self.sizes[:1] + tuple(size for size in self.sizes[1:] if size * row_bytes <= _MOST_BYTES)

    def _run_batch(self, inputs: Inputs, rows: slice, size: int) -> list[Floats]:
        batch = {name: _padded(array[rows], size) for name, array in inputs.items()}
        try:
            answers = self._session.run(self._outputs, batch)
        except Exception as error:
            # As when opening: ONNX Runtime's own classes, none of them documented.
            raise BundleError(f"ONNX Runtime cannot run the bundle '{self._name}': {first_line(error)}.") from None
        return [answer[: rows.stop - rows.start] for answer in answers]


def cuts(rows: int, sizes: Sequence[int], most_padding: float) -> list[tuple[int, int, int]]:
    """Cut rows into batches of warmed sizes: where each begins, its rows, and the size that it is padded to.

    Parameters
    ----------
    rows
        0 still gives one batch, so that answers have their shapes.
    sizes
        Ascending.
    most_padding
        Share of a batch that may be padding; where more would be needed, a smaller batch goes first, if there is one.
    """
    found: list[tuple[int, int, int]] = []
    at = 0
    while at < rows or not found:
        left = rows - at
        size = next((size for size in sizes if size >= left), sizes[-1])
        smaller = [size for size in sizes if size <= left]
        if smaller and size - left > most_padding * size:
            size = smaller[-1]
        found.append((at, min(left, size), size))
        at += found[-1][1]
    return found


def _padded(array: npt.NDArray[np.generic], size: int) -> npt.NDArray[np.generic]:
    """Return an array with rows of nothing behind it, or as it is where it has rows enough."""
    missing = size - len(array)
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), dtype=array.dtype)]) if missing > 0 else array
