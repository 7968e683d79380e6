"""The one thread that may touch the dispatcher's socket."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

import zmq

from acquisition.precedence import come_first
from inference.admission import Admission
from inference.errors import TransportError
from inference.keys import ServiceKeys
from inference.messages import Message
from inference.wire import decode, encode

COPIED_BYTES = 1 << 20
"""Frames up to so many bytes are copied when they are sent, in less time than it takes to give them back afterwards."""

Context = zmq.Context[zmq.Socket[bytes]]
Letter = tuple[bytes, Message]
"""A message with the routing id of the worker that sent it or is to get it."""

_POLL_MS = 50
_MOST_PER_TURN = 64


class Router:
    """Receives letters and hands them to `take`, and sends what `outgoing` returns; ask for a turn with `wake`."""

    def __init__(
        self,
        context: Context,
        address: str,
        take: Callable[[bytes, Message], None],
        outgoing: Callable[[], Iterable[Letter]],
        keys: ServiceKeys | None = None,
    ) -> None:
        self._context = context
        self._address = address
        self._take = take
        self._outgoing = outgoing
        self._keys = keys
        self._admission: Admission | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self.first = False
        """Whether its thread is to come first on the processors, from its next turn on."""
        self.malformed = 0
        self.failure: BaseException | None = None

    def open(self) -> str:
        """Bind, begin to serve, and return the address that workers connect to.

        Raises
        ------
        TransportError
            If the address is taken.
        """
        router: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        router.linger = 500
        router.copy_threshold = COPIED_BYTES
        try:
            if self._keys is not None:
                self._admission = Admission(self._context, router, self._keys)
            router.bind(self._address)
        except zmq.ZMQError as error:
            self._close(router, 0)
            self._wake_in.close()
            self._wake_out.close()
            raise TransportError(
                f"The address '{self._address}' cannot be used ({error.strerror}); choose another port."
            ) from None
        bound = router.get_string(zmq.LAST_ENDPOINT).rstrip("\0") or self._address
        self._thread = threading.Thread(target=self._serve, args=(router,), name="dispatcher", daemon=True)
        self._thread.start()
        return bound

    @property
    def refused(self) -> int:
        """Connections without a key that is known."""
        return self._admission.refused if self._admission else 0

    def wake(self) -> None:
        """Take a turn at once; from any thread."""
        # A full pipe has a wake-up in it already, and a closed one needs none.
        with contextlib.suppress(OSError):
            self._wake_in.send(b"\0")

    def close(self) -> None:
        """Send what is still outgoing, and end the thread and the socket."""
        self._closing.set()
        self.wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._wake_in.close()
        self._wake_out.close()

    def _serve(self, router: zmq.Socket[bytes]) -> None:
        poller = zmq.Poller()
        poller.register(router, zmq.POLLIN)
        wake = self._wake_out.fileno()
        poller.register(wake, zmq.POLLIN)
        for socket_ in self._admission.sockets if self._admission else ():
            poller.register(socket_, zmq.POLLIN)
        ready: dict[Any, int] = {}
        first = False
        try:
            while True:
                closing = self._closing.is_set()
                if first is not self.first:
                    first = self.first
                    come_first(first)
                if self._admission is not None:
                    self._admission.turn()
                if router in ready:
                    self._receive(router)
                for worker, message in self._outgoing():
                    router.send_multipart([worker, *encode(message)], copy=False)
                if closing:
                    return
                ready = dict(poller.poll(_POLL_MS))
                if wake in ready:
                    self._wake_out.recv(4096)
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self._close(router)

    def _close(self, router: zmq.Socket[bytes], linger: int | None = None) -> None:
        if self._admission is not None:
            self._admission.close()
        router.close(linger)

    def _receive(self, router: zmq.Socket[bytes]) -> None:
        """Take the letters that are there."""
        for _ in range(_MOST_PER_TURN):
            try:
                worker, *frames = router.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            try:
                self._take(worker.bytes, decode([frame.buffer for frame in frames]))
            except TransportError:
                self.malformed += 1
            # Asked and not tried: an exception that says that there is none takes longer than a letter.
            if not int(router.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
                return
