"""How long a cell's image waits for its answer, when cells come at random as fast as they may flow."""

from __future__ import annotations

import argparse
import threading
import time

import numpy as np
import zmq

from acquisition.presets import instrument_preset
from inference.dispatcher import Dispatcher
from inference.messages import Start
from inference.shipped import resolve_bundle
from inference.worker import Worker, engine_maker
from reconstruction.images import CellImages, Rejection
from reconstruction.speed import SpeedSource
from service.runs.edge import Edge, Policy
from service.runs.pipeline import BATCH_PATIENCE_S, EVENTS, EVENTS_PER_BATCH

CELLS_PER_S = 1000.0
SECONDS = 10.0
_WARM_S = 1.0
PRESET = "sheet-ci"


def answer_latencies(cells_per_s: float = CELLS_PER_S, seconds: float = SECONDS, threads: int = 1) -> np.ndarray:
    """Seconds from a cell's image to its answer, `(n,)`: gathered as a run does, answered by one worker."""
    instrument = instrument_preset(PRESET)
    bundle = resolve_bundle(None, instrument)
    channel = bundle.contract.inputs[0].channel
    rng = np.random.default_rng(0)
    images = rng.normal(1.0, 0.1, (EVENTS_PER_BATCH, *bundle.contract.inputs[0].shape)).astype(np.float32)
    due = np.cumsum(rng.exponential(1 / cells_per_s, round(cells_per_s * seconds)))
    arrivals: Edge[tuple[int, float]] = Edge(EVENTS, Policy.WAIT)
    came, answered = np.zeros(due.size), np.zeros(due.size)

    def arrive() -> None:
        began = time.monotonic()
        for number, moment in enumerate(due):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            arrivals.put((number, time.monotonic()))
        arrivals.close()

    def send(dispatcher: Dispatcher) -> None:
        while taken := arrivals.take(EVENTS_PER_BATCH, lambda: BATCH_PATIENCE_S if dispatcher.open_batches else 0.0):
            for number, moment in taken:
                came[number] = moment
            first = taken[0][0]
            while not dispatcher.submit(_cells(first, channel, images[: len(taken)]), timeout_s=1.0):
                pass

    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with Dispatcher("inproc://latency", context=context) as dispatcher:
        worker = Worker(dispatcher.address, engine_maker("cpu", threads), context=context)
        jobs = [threading.Thread(target=worker.run)]
        jobs[0].start()
        start = Start("latency", 1, instrument.to_json(), "", bundle.digest, bundle.to_bytes())
        dispatcher.begin(start, [channel])
        dispatcher.wait_ready(60)
        jobs += [threading.Thread(target=arrive), threading.Thread(target=send, args=(dispatcher,))]
        for job in jobs[1:]:
            job.start()
        done = 0
        while done < due.size:
            for finished in dispatcher.results(1.0):
                answered[finished.images.event_id.astype(np.int64)] = finished.answered_s
                done += len(finished.images)
        worker.stop()
        for job in jobs:
            job.join()
    context.term()
    return (answered - came)[due > _WARM_S]


def _cells(first: int, channel: str, images: np.ndarray) -> CellImages:
    n = len(images)
    return CellImages(
        event_id=np.arange(first, first + n, dtype=np.uint64),
        epoch=np.zeros(n, dtype=np.int32),
        trigger_tick=np.arange(n, dtype=np.float64),
        images={channel: images},
        pixel_um=0.25,
        speed_m_s=np.full(n, 0.1, dtype=np.float32),
        speed_error_m_s=np.full(n, np.nan, dtype=np.float32),
        speed_source=(SpeedSource.NOMINAL,) * n,
        flags=np.zeros(n, dtype=np.uint32),
        rejection=(Rejection.NONE,) * n,
        features={},
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=CELLS_PER_S, help="cells per second")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    found = answer_latencies(options.rate, options.seconds) * 1e3
    middle, late, last = np.quantile(found, [0.5, 0.99, 1.0])
    print(f"{options.rate:g} cells/s at random, image to answer: p50 {middle:.2f}, p99 {late:.2f}, most {last:.2f} ms")
