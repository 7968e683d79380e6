"""Whether a worker with keys is let in: said in a sentence, where ZeroMQ would try again for ever."""

from __future__ import annotations

import zmq
from zmq.utils.monitor import parse_monitor_message

from inference.admission import FAILURES
from inference.errors import TransportError
from inference.keys import WorkerKeys

_MOST_FAILURES = 3


class Entrance:
    """Gives a socket that will connect its keys, and watches how that goes; for the thread that owns the socket."""

    def __init__(self, dealer: zmq.Socket[bytes], keys: WorkerKeys) -> None:
        self._dealer = dealer
        self._failed = 0
        keys.apply(dealer)
        self._events: zmq.Socket[bytes] = dealer.get_monitor_socket(FAILURES | zmq.EVENT_HANDSHAKE_SUCCEEDED)

    def check(self) -> None:
        """Look at what happened since.

        Raises
        ------
        TransportError
            If the service does not know this worker, or is not the one that the worker knows.
        """
        while self._events.poll(0):
            event = parse_monitor_message(self._events.recv_multipart())["event"]
            if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                raise TransportError(
                    "The service does not know the key of this worker; put its '.key' file into the service's folder."
                )
            # One failure may be a service that is just ending.
            self._failed = 0 if event == zmq.EVENT_HANDSHAKE_SUCCEEDED else self._failed + 1
        if self._failed >= _MOST_FAILURES:
            raise TransportError(
                "The service is not the one whose 'service.key' this worker has, or has no keys at all; copy that file "
                "from its folder of keys."
            )

    def close(self) -> None:
        """Give the sockets back; before the dealer is closed."""
        self._dealer.disable_monitor()
        self._events.close(0)
