"""Workers of one reprocessing: threads of this process, over the same transport as in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import zmq

from inference.dispatcher import Dispatcher
from inference.finished import Finished
from inference.messages import Start
from inference.router import Context
from inference.worker import EngineMaker
from reconstruction.images import CellImages
from service.reprocess.plan import Plan
from service.runs.arming import WARM_TIMEOUT_S
from service.runs.worker_pool import WorkerPool

_TURN_S = 0.1
_ENDED = "finished"


@contextmanager
def answering(plan: Plan, workers: int, provider: str, make_engine: EngineMaker) -> Iterator[Dispatcher]:
    """Give a dispatcher whose workers are warm with the plan's bundle.

    Raises
    ------
    TransportError
        If no worker can use the bundle.
    """
    context: Context = zmq.Context()
    dispatcher = Dispatcher(context=context)
    dispatcher.open()
    pool = WorkerPool(dispatcher, workers, provider, make_engine, context)
    try:
        pool.start()
        bundle, run = plan.bundle, plan.folder.run()
        dispatcher.begin(
            Start(run.id, 1, run.instrument.to_json(), plan.about.pipeline, bundle.digest, bundle.to_bytes()),
            plan.inputs,
        )
        if not plan.stored_inputs:
            # The kernels compile here while the workers warm their model.
            plan.transform.warm()
        dispatcher.wait_ready(WARM_TIMEOUT_S)
        yield dispatcher
    finally:
        dispatcher.end(_ENDED, {})
        dispatcher.close()
        if pool.stop():
            context.term()


def answered(
    dispatcher: Dispatcher, batches: Iterator[CellImages], progress: Callable[[int], None]
) -> Iterator[Finished]:
    """Return the batches with their answers, in their order; the next are made while workers answer.

    Parameters
    ----------
    progress
        Takes how many events more are done.
    """
    for images in batches:
        while not dispatcher.submit(images):
            yield from _told(dispatcher.results(_TURN_S), progress)
        yield from _told(dispatcher.results(0.0), progress)
    while dispatcher.open_batches:
        yield from _told(dispatcher.results(_TURN_S), progress)


def _told(finished: list[Finished], progress: Callable[[int], None]) -> Iterator[Finished]:
    for one in finished:
        progress(len(one.images))
        yield one
