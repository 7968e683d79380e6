"""Takes a run's model, asks for batches and answers them: as a thread over `inproc://`, as a process over `tcp://`."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import zmq

from acquisition.errors import LightlineError
from acquisition.precedence import come_first
from inference.address import checked_address, is_inproc
from inference.bundle import Bundle
from inference.engine import Engine
from inference.entrance import Entrance
from inference.errors import BundleError, TransportError
from inference.image_maker import ImageMaker
from inference.keys import WorkerKeys
from inference.messages import Answers, Batch, End, Failed, Heartbeat, Message, Ready, Start, Stop, Windows
from inference.results import CellResults
from inference.router import Context
from inference.wire import decode, encode

_POLL_MS = 100
_HEARTBEAT_S = 1.0


class AnsweringEngine(Protocol):
    """What a worker needs of a model."""

    @property
    def provider(self) -> str:
        """Execution provider it really runs on."""

    def answer_arrays(self, event_id: npt.NDArray[Any], arrays: Mapping[str, npt.ArrayLike]) -> CellResults:
        """Answer for a batch of cells, given the images by channel."""


EngineMaker = Callable[[Start], AnsweringEngine]


def engine_maker(provider: str = "auto", threads: int | None = None) -> EngineMaker:
    """Return what makes a warm engine of the bundle in a `Start`."""

    def make(start: Start) -> AnsweringEngine:
        bundle = Bundle.from_bytes(start.bundle)
        if bundle.digest != start.bundle_digest:
            raise BundleError(
                "The bundle that came over the wire is not the one that was announced; start the run again."
            )
        engine = Engine(bundle, provider=provider, threads=threads)
        engine.warm(explain=False)
        return engine

    return make


class Worker:
    """The answering side of the transport.

    States: joining -> warming (at `Start`) -> answering -> (`End`) -> joining ... -> gone, at `Stop` or `stop`.

    Parameters
    ----------
    address
        Where the dispatcher listens.
    make_engine
        Makes a warm engine of a `Start`; the engine of the run before is kept while the model stays the same.
    context
        The dispatcher's own context, needed for `inproc://`.
    credit
        Batches to hold at a time; two keep the model busy while the next one travels.
    patience_s
        Go home after this long without a word from the dispatcher; None waits for ever.
    keys
        For a dispatcher with keys: its public one, and those of this worker.
    make_images
        Makes an `ImageMaker` of a `Start`; None lets the dispatcher send images only.
    """

    def __init__(
        self,
        address: str,
        make_engine: EngineMaker,
        *,
        name: str = "",
        context: Context | None = None,
        credit: int = 2,
        patience_s: float | None = None,
        keys: WorkerKeys | None = None,
        make_images: Callable[[Start], ImageMaker | None] | None = None,
    ) -> None:
        if is_inproc(address) and context is None:
            raise TransportError(f"The address '{address}' works only inside one process; connect to a tcp:// address.")
        self._address = checked_address(address, encrypted=keys is not None)
        self._keys = keys
        self._make_engine = make_engine
        self.name = (name or f"{socket.gethostname()}-{os.getpid()}")[:64]
        self._context = context
        self._credit = credit
        self._patience_s = patience_s
        self._stopping = threading.Event()
        self._engine: AnsweringEngine | None = None
        self._make_images = make_images
        self._images: ImageMaker | None = None
        self._digest = ""
        self._run = ""

    def stop(self) -> None:
        """Go home after the batch in hand; from any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Work until `Stop`, `stop`, or the end of patience.

        Raises
        ------
        TransportError
            If the keys are not those that let this worker in.
        """
        own: Context | None = None if self._context else zmq.Context()
        context: Context = self._context or own or zmq.Context.instance()
        dealer: zmq.Socket[bytes] = context.socket(zmq.DEALER)
        dealer.linger = 500
        dealer.sndtimeo = 500
        entrance = None if self._keys is None else Entrance(dealer, self._keys)
        try:
            dealer.connect(self._address)
            # The service may end while the model is being warmed.
            with contextlib.suppress(zmq.ContextTerminated):
                self._send(dealer, Ready(self.name))
                self._converse(dealer, entrance)
        finally:
            if entrance is not None:
                entrance.close()
            dealer.close()
            if own is not None:
                own.term()

    def _converse(self, dealer: zmq.Socket[bytes], entrance: Entrance | None) -> None:
        heard = spoken = time.monotonic()
        while not self._stopping.is_set():
            now = time.monotonic()
            if self._patience_s is not None and now - heard > self._patience_s:
                return
            if now - spoken >= _HEARTBEAT_S:
                self._send(dealer, Heartbeat(self._run))
                spoken = now
            if not dealer.poll(_POLL_MS):
                if entrance is not None:
                    entrance.check()
                continue
            frames = dealer.recv_multipart(copy=False)
            heard = time.monotonic()
            try:
                message = decode([frame.buffer for frame in frames])
            except TransportError:
                continue
            if isinstance(message, Stop):
                return
            reply = self._act(message)
            if reply is not None:
                self._send(dealer, reply)
                spoken = time.monotonic()

    def _act(self, message: Message) -> Message | None:
        match message:
            case Start():
                # What warming starts is as many threads as a model wants, and none of them in real time.
                come_first(False)
                reply = self._warm(message)
                come_first(bool(message.first))
                return reply
            case Batch() | Windows() if message.run == self._run:
                return self.answer(message)
            case End():
                self._run = ""
                come_first(False)
        return None

    def _warm(self, start: Start) -> Message:
        try:
            if self._engine is None or self._digest != start.bundle_digest:
                self._engine = None
                self._engine = self._make_engine(start)
                self._digest = start.bundle_digest
            self._images = self._make_images(start) if self._make_images else None
        except Exception as error:
            return Failed(start.run, 0, _sentence(error))
        self._run = start.run
        return Ready(self.name, self._engine.provider, self._credit, start.run, int(self._images is not None))

    def answer(self, batch: Batch | Windows) -> Answers | Failed:
        """Answer a batch of the run whose model is warm; from any thread of this process, beside `run`."""
        try:
            if self._engine is None:
                raise TransportError("The worker has no model for this batch.")
            event_id, images = self._seen(batch)
            return Answers(batch.run, batch.batch, self._engine.answer_arrays(event_id, images))
        except Exception as error:
            # Whatever a model does wrong must cost its batch, not the worker.
            return Failed(batch.run, batch.batch, _sentence(error))

    def _seen(self, batch: Batch | Windows) -> tuple[npt.NDArray[np.uint64], Mapping[str, npt.ArrayLike]]:
        """Return the cells of a batch, and their images."""
        if isinstance(batch, Batch):
            return batch.event_id, batch.images
        if self._images is None:
            raise TransportError("The worker cannot make images of windows.")
        event_id = np.array([event.event_id for event in batch.events], np.uint64)
        return event_id, self._images(batch.events, batch.channels.split(","))

    def _send(self, dealer: zmq.Socket[bytes], message: Message) -> None:
        # With the dispatcher gone there is nobody to take it, and whoever comes next gives the batch again.
        with contextlib.suppress(zmq.Again):
            dealer.send_multipart(encode(message), copy=False)


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, LightlineError) else f"{type(error).__name__}: {error}"
