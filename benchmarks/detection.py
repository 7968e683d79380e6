"""Detection: whole streams through the detector, against numpy doing the same scoring, and against reading memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from acquisition.block import Block
from acquisition.detection import detector_for
from acquisition.source import blocks, open_source
from benchmarks.timing import Row, in_turn, read_once


def _stream(url: str) -> tuple[object, np.ndarray]:
    with open_source(url) as source:
        return source.instrument, np.concatenate([block.data for block in blocks(source)])


def _numpy_scores(samples: np.ndarray, channel: int, period: int) -> np.ndarray:
    """Fold at a whole number of samples, subtract the median, mean absolute deviation per period."""
    whole = samples.shape[0] // period * period
    folded = samples[:whole, channel].reshape(-1, period).astype(np.float32)
    return np.abs(folded - np.median(folded, axis=0)).mean(axis=1)


def rows() -> Iterator[Row]:
    """Figures of both instruments, one core."""
    for url, kind in (
        ("sim:sheet-ci?seconds=1.5&seed=3", "light sheet"),
        ("sim:stretch-ci?seconds=0.2&seed=3", "time stretch"),
    ):
        instrument, samples = _stream(url)
        period = instrument.sample_rate_hz / instrument.optics.scan.rate_hz if kind == "light sheet" else 344.8276
        block = Block(samples, 0)

        def detect(instrument=instrument, block=block) -> object:
            detector = detector_for(instrument)
            return detector.push(block) + detector.flush()

        ours, _, ratio = in_turn(
            detect, lambda samples=samples, period=period: _numpy_scores(samples, 0, round(period))
        )
        seconds = samples.shape[0] / instrument.sample_rate_hz
        yield Row(f"detect, {kind}", samples.shape[0] / ours / 1e6, "MS/s", "numpy scores alone, whole period", ratio)
        yield Row(f"detect, {kind}", seconds / ours, "s per s", "real time", seconds / ours)
        _, _, share = in_turn(detect, read_once(samples))
        yield Row(f"detect, {kind}", samples.nbytes / ours / 1e9, "GB/s", "reading the memory", share)
