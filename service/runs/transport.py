"""What work goes through: a dispatcher and the service's own workers, opened when the first run needs them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

from inference.dispatcher import Dispatcher
from inference.keys import ServiceKeys
from inference.router import Context
from inference.worker import EngineMaker
from service.runs.worker_pool import WorkerPool
from service.status import WorkerStatus

_DEFAULT_INPROC = "inproc://lightline"


class Transport:
    """The transport of a service.

    States: closed -> `open` -> open -> `close` -> closed.

    Parameters
    ----------
    address
        `inproc://` for threads of this process, `tcp://127.0.0.1:PORT` for processes.
    workers
        Inference workers of the service's own; 0 where they come from elsewhere.
    provider
        `auto`, `cpu` or `cuda`.
    engine
        Gives the maker of engines, for the provider.
    keys
        Folder of keys for an address that is not on this computer alone, see `inference.keys`.
    """

    def __init__(
        self, address: str, workers: int, provider: str, engine: Callable[[str], EngineMaker], keys: Path | None
    ) -> None:
        self._address = _DEFAULT_INPROC if address == "inproc://" else address
        self._workers = workers
        self._provider = provider
        self._engine = engine
        self._keys = keys
        self.keys: ServiceKeys | None = None
        """As they were read when the transport was opened."""
        self._opened: tuple[Context, Dispatcher, WorkerPool] | None = None

    def open(self) -> Dispatcher:
        """Return the dispatcher, with as many workers as there should be.

        Raises
        ------
        TransportError
            If the address is taken, or the keys are not there.
        """
        if self._opened is None:
            context: Context = zmq.Context()
            self.keys = None if self._keys is None else ServiceKeys.load(self._keys)
            dispatcher = Dispatcher(self._address, context=context, keys=self.keys)
            dispatcher.open()
            maker = self._engine(self._provider)
            pool = WorkerPool(dispatcher, self._workers, self._provider, maker, context, self._keys)
            self._opened = context, dispatcher, pool
        _, dispatcher, pool = self._opened
        pool.start()
        return dispatcher

    def refuse(self, sentence: str) -> None:
        """Let nobody wait for workers any longer; see `Dispatcher.refuse`."""
        if self._opened is not None:
            self._opened[1].refuse(sentence)

    def process_ids(self) -> list[int]:
        """Return the ids of the worker processes."""
        return [] if self._opened is None else self._opened[2].process_ids()

    def status(self) -> dict[str, Any]:
        """Return its part of the service's status."""
        if self._opened is None:
            return {"address": self._address}
        _, dispatcher, pool = self._opened
        return {
            "address": dispatcher.address,
            "workers": tuple(WorkerStatus(**vars(view)) for view in dispatcher.workers()),
            "workers_refused": dispatcher.refused,
            "workers_replaced": pool.replaced,
            "batches_given_again": dispatcher.given_again,
            "answers_ignored": dispatcher.ignored_answers,
        }

    def close(self) -> None:
        """Send every worker home; may be called twice."""
        opened, self._opened = self._opened, None
        if opened is not None:
            context, dispatcher, pool = opened
            dispatcher.close()
            if pool.stop():
                context.term()
            else:
                # A worker is busy for longer than anybody waits; its socket goes when it is done.
                threading.Thread(target=context.term, name="transport-end", daemon=True).start()
