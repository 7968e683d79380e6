"""One connection to a network instrument: messages in, with patience; a stop from any thread."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from acquisition.errors import DeviceLost, ProtocolError, SourceTimeout
from acquisition.network_address import Address
from acquisition.network_messages import Data, End, Hello, Message, Start, Status, decode, encode
from acquisition.network_protocol import Decoder

CONNECT_S = 5.0
_RECEIVE_BYTES = 1 << 20


class Connection:
    """A socket with its decoder; `hello` is what the other side said first.

    Only `close` may be called from another thread; a waiting `message` then raises `DeviceLost`.

    Parameters
    ----------
    address
        Where the instrument listens.
    patience_s
        How long to wait for the connection, and then for the first message.

    Raises
    ------
    DeviceLost
        If nothing listens there, it serves somebody else, or it does not speak the protocol.
    """

    def __init__(self, address: Address, patience_s: float = CONNECT_S) -> None:
        self._address = address
        self._decoder = Decoder()
        self._heard_s = time.monotonic()
        try:
            self._socket = socket.create_connection((address.host, address.port), patience_s)
        except OSError as error:
            reason = error.strerror or "no answer in time"
            raise DeviceLost(f"No instrument answers at {address} ({reason}); start it, or mend the address.") from None
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
            self.hello = self._greeting(patience_s)
        except BaseException:
            self.close()
            raise

    def ask_to_start(self) -> None:
        """Say that this side is ready for the stream, where the other side waits for that.

        Raises
        ------
        DeviceLost
            If the connection is gone.
        """
        self._heard_s = time.monotonic()
        if not self.hello.on_request:
            return
        head, _ = encode(Start(), 0)
        try:
            self._socket.settimeout(CONNECT_S)
            self._socket.sendall(head)
        except OSError:
            raise self._gone() from None

    def message(self, timeout_s: float) -> Data | Message:
        """Return the next message.

        Raises
        ------
        SourceTimeout
            It did not come in time; what has come of it is kept.
        DeviceLost
            The connection is gone, silent for longer than was promised, or what came makes no sense.
        """
        deadline_s = time.monotonic() + timeout_s
        try:
            while True:
                complete = self._decoder.filled(self._receive(max(0.0, deadline_s - time.monotonic())))
                if complete is not None:
                    return decode(*complete)
        except ProtocolError as error:
            raise DeviceLost(f"What {self._address} sends is not understood: {error}") from None

    def close(self) -> None:
        """End the connection, from any thread; may be called twice."""
        # A thread that waits in `recv` is woken by this, not by closing the socket under it.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _receive(self, timeout_s: float) -> int:
        try:
            self._socket.settimeout(timeout_s)
            count = self._socket.recv_into(self._decoder.room())
        except (TimeoutError, BlockingIOError):
            self._require_alive()
            raise SourceTimeout(f"Nothing came from {self._address} in time.") from None
        except OSError:
            raise self._gone() from None
        if count == 0:
            raise self._gone()
        self._heard_s = time.monotonic()
        return count

    def _require_alive(self) -> None:
        promised_s = self.hello.keep_alive_s if hasattr(self, "hello") else None
        if promised_s is not None and time.monotonic() - self._heard_s > _SILENCE * promised_s + 1.0:
            raise DeviceLost(f"The instrument at {self._address} has fallen silent; open it again.")

    def _greeting(self, patience_s: float) -> Hello:
        try:
            first = self.message(patience_s)
        except SourceTimeout:
            raise DeviceLost(
                f"The instrument at {self._address} says nothing; it may be serving another reader, one at a time."
            ) from None
        if isinstance(first, Status | End) and first.text:
            raise DeviceLost(first.text)
        if not isinstance(first, Hello):
            raise DeviceLost(f"What {self._address} sends is not understood: it does not begin with HELLO.")
        return first

    def _gone(self) -> DeviceLost:
        return DeviceLost(f"The connection to {self._address} was lost; open it again.")


_SILENCE = 5
"""Promised signs of life that may be missing before the instrument counts as gone."""
