"""A UDP port that packets come to, with as large a buffer as the system gives."""

from __future__ import annotations

import select
import socket
import sys
import time
from typing import Final

import numpy as np

from acquisition.errors import ConfigError, DeviceLost, ProtocolError
from acquisition.network_address import Address
from acquisition.network_messages import Hello
from acquisition.network_protocol import Payload
from acquisition.packet_stream import is_hello, parse_packet

RECEIVE_BYTES: Final = 64 << 20
"""Asked of the system: 16 ms of 4 GB/s, 0.6 s of 100 MB/s."""
_MOST_DATAGRAM: Final = 1 << 16
_DRAIN_S = 0.05


class PacketSocket:
    """A bound UDP port.

    Parameters
    ----------
    address
        Of this computer, to listen on; port 0 is any free one.
    receive_bytes
        Buffer to ask the system for.

    Raises
    ------
    ConfigError
        If the port cannot be had.
    """

    def __init__(self, address: Address, receive_bytes: int = RECEIVE_BYTES) -> None:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            self._socket.bind((address.host, address.port))
        except OSError as error:
            self._socket.close()
            raise ConfigError(
                f"Packets cannot be received at {address} ({error.strerror or error}); use a free port and an address "
                "of this computer."
            ) from None
        self._socket.setblocking(False)
        given = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self.asked_bytes = receive_bytes
        """What was asked of the system."""
        # Linux keeps as much again for its own notes, and says both together.
        self.given_bytes = given // 2 if sys.platform == "linux" else given
        """What the system gave."""
        self.address = Address(address.host, int(self._socket.getsockname()[1]), "udp")
        """Where it listens."""
        self._scratch = np.empty(_MOST_DATAGRAM, np.uint8)
        self.sender: str | None = None
        """Computer that the last datagram came from."""

    def receive(self, timeout_s: float) -> Payload | None:
        """Return a copy of the next datagram, or None if none came in time.

        Raises
        ------
        DeviceLost
            If the port is gone.
        """
        try:
            return self._receive_now()
        except (BlockingIOError, InterruptedError):
            pass
        except (OSError, ValueError):
            raise self._gone() from None
        try:
            ready, _, _ = select.select([self._socket], [], [], timeout_s)
            return self._receive_now() if ready else None
        except (BlockingIOError, InterruptedError):
            return None
        except (OSError, ValueError):
            raise self._gone() from None

    def drain(self) -> None:
        """Forget what has come so far; a sender that goes on is not waited for."""
        deadline_s = time.monotonic() + _DRAIN_S
        while self.receive(0.0) is not None and time.monotonic() < deadline_s:
            pass

    def wait_for_hello(self, patience_s: float) -> Hello:
        """Return what a sender says it is.

        Raises
        ------
        DeviceLost
            If none says it in time.
        """
        deadline_s = time.monotonic() + patience_s
        refusal = ""
        while (left_s := deadline_s - time.monotonic()) > 0:
            datagram = self.receive(left_s)
            if datagram is None or not is_hello(datagram):
                continue
            try:
                _, message = parse_packet(datagram)
            except ProtocolError as error:
                refusal = f" ({error})"
                continue
            if isinstance(message, Hello):
                return message
        raise DeviceLost(
            f"No HELLO came to {self.address} in {patience_s:g} s{refusal}; let the instrument send it every second, "
            "or name the instrument with ?instrument=."
        )

    def close(self) -> None:
        """Give the port back; may be called twice."""
        self._socket.close()

    def _receive_now(self) -> Payload:
        count, sender = self._socket.recvfrom_into(self._scratch.data)
        self.sender = sender[0]
        return self._scratch[:count].copy()

    def _gone(self) -> DeviceLost:
        return DeviceLost(f"The port at {self.address} is gone; open it again.")
