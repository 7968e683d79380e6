"""Who may join over an encrypted address: asked by ZeroMQ for every connection, answered from the folder of keys.

The questions are those of the ZeroMQ Authentication Protocol (https://rfc.zeromq.org/spec/27/). Connections that fail
before there is anything to ask, because they are not encrypted or meant for another service, are told by the socket.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from inference.errors import TransportError
from inference.keys import ServiceKeys

logger = logging.getLogger("lightline.workers")

ZAP = "inproc://zeromq.zap.01"
FAILURES = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
_SAY_S = 60.0
_VERSION = b"1.0"
_CURVE = b"CURVE"


def answer_zap(frames: Sequence[bytes], allowed: Callable[[], frozenset[bytes]]) -> list[bytes]:
    """Return the answer to a request for admission: 200 for a key that is allowed, 400 for all else."""
    request = frames[1] if len(frames) > 1 else b""
    known = len(frames) == 7 and frames[0] == _VERSION and frames[5] == _CURVE and frames[6] in allowed()
    verdict = [b"200", b"OK"] if known else [b"400", b"The service does not know this key"]
    return [_VERSION, request, *verdict, b"", b""]


class Admission:
    """Answers for a socket that will bind, in the thread that calls `turn`; counts the connections that were refused.

    One for each context: it is the context that ZeroMQ asks. `who` names in the log those who come.
    """

    def __init__(
        self, context: zmq.Context[Any], router: zmq.Socket[bytes], keys: ServiceKeys, who: str = "worker"
    ) -> None:
        self._keys = keys
        self._who = who
        self._said, self._said_s = 0, float("-inf")
        self.refused = 0
        keys.apply(router)
        self._router = router
        self._questions: zmq.Socket[bytes] = context.socket(zmq.REP)
        self._questions.linger = 0
        self._questions.bind(ZAP)
        self._failures: zmq.Socket[bytes] = router.get_monitor_socket(FAILURES)

    @property
    def sockets(self) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
        """What to wait for."""
        return self._questions, self._failures

    def turn(self) -> None:
        """Answer what is asked, and count what failed."""
        while self._questions.poll(0):
            self._questions.send_multipart(answer_zap(self._questions.recv_multipart(), self._allowed))
        while self._failures.poll(0):
            parse_monitor_message(self._failures.recv_multipart())
            self.refused += 1
        if self.refused > self._said and time.monotonic() - self._said_s > _SAY_S:
            self._say()

    def close(self) -> None:
        """Give the sockets back; before the router is closed."""
        self._router.disable_monitor()
        self._failures.close(0)
        self._questions.close(0)

    def _allowed(self) -> frozenset[bytes]:
        try:
            return self._keys.workers()
        except TransportError as error:
            logger.warning(str(error), extra={"what": f"{self._who}_refused"})
            return frozenset()

    def _say(self) -> None:
        self._said, self._said_s = self.refused, time.monotonic()
        sentence = f"A {self._who} was refused: it has no key that the service knows, or the key of another service."
        logger.warning(sentence, extra={"what": f"{self._who}_refused", "refused": self.refused})
