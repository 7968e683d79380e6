"""Batch sizes and threads for a model, found by measuring them on this hardware."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from inference.bundle import Bundle
from inference.engine import Engine
from inference.provider import CPU
from inference.tuning import BATCH_SIZES, Tuned, hardware

CELLS = 32
"""As many as a live run asks about at a time."""
_WORTH = 0.95
"""A size is kept where it takes at most this share of what smaller ones take for as many cells, and more threads where
the batch takes at most this share of what fewer take."""


@dataclass(frozen=True)
class Timed:
    """What one size, or one number of threads, took.

    Attributes
    ----------
    number
        Cells in a batch, or threads.
    batch_s
        The quickest of several times: of that batch, or of one of `CELLS`.
    kept
        Whether it is used.
    """

    number: int
    batch_s: float
    kept: bool


@dataclass(frozen=True)
class Found:
    """All that was measured."""

    tuned: Tuned
    sizes: tuple[Timed, ...]
    threads: tuple[Timed, ...]


def tune(bundle: Bundle, provider: str = "auto", most_threads: int | None = None, each_s: float = 0.3) -> Found:
    """Measure a model's live graph at every size and with every number of threads.

    Parameters
    ----------
    provider
        `auto`, `cpu` or `cuda`.
    most_threads
        None takes half the cores, as acquisition keeps its own.
    each_s
        How long each is repeated, at least.

    Raises
    ------
    ProviderError
        If CUDA is demanded and not to be had.
    """
    sizes: list[Timed] = []
    for size in BATCH_SIZES:
        engine = Engine(bundle, provider, threads=1, batch_sizes=(size,))
        took = _quickest_s(engine, size, each_s)
        usual = min((-(-size // one.number) * one.batch_s for one in sizes if one.kept), default=np.inf)
        sizes.append(Timed(size, took, took <= _WORTH * usual))
    kept = tuple(one.number for one in sizes if one.kept)
    most = max(1, (os.cpu_count() or 1) // 2) if most_threads is None else most_threads
    threads: list[Timed] = []
    for count in _counts(most) if engine.provider == CPU else (1,):
        took = _quickest_s(Engine(bundle, provider, threads=count, batch_sizes=kept), CELLS, each_s)
        best = min((one.batch_s for one in threads if one.kept), default=np.inf)
        threads.append(Timed(count, took, took <= _WORTH * best))
    chosen = [one for one in threads if one.kept][-1]
    tuned = Tuned(
        digest=bundle.digest,
        provider=engine.provider,
        hardware=hardware(engine.provider),
        runtime=ort.__version__,
        batch_sizes=kept,
        threads=chosen.number,
        cells_per_s=CELLS / chosen.batch_s,
    )
    return Found(tuned, tuple(sizes), tuple(threads))


def _quickest_s(engine: Engine, cells: int, each_s: float) -> float:
    """Return the quickest time of an answer for so many drawn cells."""
    engine.warm(explain=False)
    draw = np.random.default_rng(1)
    event_id = np.arange(cells, dtype=np.uint64)
    images: dict[str, npt.NDArray[np.float32]] = {
        spec.channel: draw.normal(1.0, 0.05, (cells, *spec.shape)).astype(np.float32) for spec in engine.contract.inputs
    }
    return _repeated_s(lambda: engine.answer_arrays(event_id, images), each_s)


def _repeated_s(work: Callable[[], object], each_s: float) -> float:
    quickest, until = np.inf, time.perf_counter() + each_s
    while True:
        began = time.perf_counter()
        work()
        ended = time.perf_counter()
        quickest = min(quickest, ended - began)
        if ended > until:
            return float(quickest)


def _counts(most: int) -> tuple[int, ...]:
    """Return the numbers of threads to try: powers of two, and the most."""
    return tuple(sorted({*(1 << k for k in range(most.bit_length()) if 1 << k <= most), most}))
