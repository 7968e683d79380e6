"""A source as a network instrument: `docs/network-protocol.md` from the instrument's side."""

from __future__ import annotations

import errno
import select
import socket
import threading
import time
from collections.abc import Callable

from acquisition.errors import ConfigError, LightlineError, ProtocolError
from acquisition.network_address import Address
from acquisition.network_messages import End, Hello, Message, Status, StatusCode, encode
from acquisition.network_protocol import HEADER, MessageType, unpack_header
from acquisition.source import Source
from simulator.feed import QUEUE_BYTES, Feed

KEEP_ALIVE_S = 1.0
_TURN_S = 0.05
_FAREWELL_S = 2.0

Log = Callable[[str], None]


def _silent(_line: str) -> None:
    return None


class SourceServer:
    """Serves a source over TCP to one client at a time; each start of a client is a start of the source.

    It listens as soon as it is made. `run` serves until `stop` is called, from any thread or a signal handler. The
    source is neither opened nor closed here.

    Parameters
    ----------
    source
        What is served; not started.
    address
        Where to listen; port 0 takes a free one, which `address` then says. Nothing is encrypted: an address that
        other computers can reach gives the samples to whoever asks.
    live
        True if the source's pace does not wait: a client that is too slow loses blocks, and is told how many samples.
        False if the source waits for its client.
    queue_bytes
        Most bytes of samples on their way to a slow client.
    log
        Told in one line of every client that comes and goes.

    Raises
    ------
    ConfigError
        If the address cannot be listened on.
    """

    def __init__(
        self,
        source: Source,
        address: Address,
        *,
        live: bool,
        queue_bytes: int = QUEUE_BYTES,
        log: Log = _silent,
    ) -> None:
        self._source = source
        self._live = live
        self._queue_bytes = queue_bytes
        self._log = log
        self._first_epoch: int | None = None
        self._stopping = threading.Event()
        self._listener = _listen(address)
        self.address = Address(address.host, self._listener.getsockname()[1])
        self.clients = 0
        """Clients that came so far."""
        self.samples_dropped = 0
        """Samples per channel that clients were too slow for."""

    def run(self) -> None:
        """Serve clients one after the other, until `stop`."""
        with self._listener:
            while not self._stopping.is_set():
                if not select.select([self._listener], [], [], _TURN_S)[0]:
                    continue
                client, peer = self._listener.accept()
                self.clients += 1
                with client:
                    name = f"{peer[0]}:{peer[1]}"
                    try:
                        outcome = self._serve(client)
                    except OSError:
                        outcome = "went away"
                    except ProtocolError as error:
                        outcome = f"was refused: {error}"
                    self._log(f"client {name} {outcome}")

    def stop(self) -> None:
        """End, from any thread."""
        self._stopping.set()

    def _serve(self, client: socket.socket) -> str:
        """Talk with one client to the end; return what became of it."""
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = _Line(client, self._stopping)
        source = self._source
        hello = Hello(
            instrument=source.instrument,
            origin=source.origin,
            description=source.description,
            waits=not self._live,
            total_samples=source.total_samples,
            on_request=True,
            keep_alive_s=KEEP_ALIVE_S,
        )
        line.send(hello)
        if not line.wait_for_start():
            return "looked and left"
        feed = Feed(source, live=self._live, first_epoch=self._first_epoch, queue_bytes=self._queue_bytes)
        try:
            feed.start()
        except LightlineError as error:
            line.send(Status(StatusCode.DEVICE_LOST, str(error)))
            line.finish()
            return f"could not be served: {error}"
        try:
            ended = self._pass_on(feed, line)
        finally:
            feed.close()
            self._first_epoch = feed.first_epoch
            self.samples_dropped += feed.samples_dropped
        lost = f"; {feed.samples_dropped} samples were lost because it was slow" if feed.samples_dropped else ""
        return f"{'was served to the end' if ended else 'was stopped'}{lost}"

    def _pass_on(self, feed: Feed, line: _Line) -> bool:
        """Send what the feed gives; return True after its last message, False if the service ends before."""
        spoken_s = time.monotonic()
        while not self._stopping.is_set():
            message = feed.take(_TURN_S)
            if message is None:
                line.require_client()
                if time.monotonic() - spoken_s < KEEP_ALIVE_S:
                    continue
                message = Status(StatusCode.IDLE)
            line.send(message)
            spoken_s = time.monotonic()
            if isinstance(message, End) or (isinstance(message, Status) and message.code is not StatusCode.IDLE):
                line.finish()
                return True
        return False


class _Line:
    """The server's end of a connection; every wait of it ends when the service does."""

    def __init__(self, client: socket.socket, stopping: threading.Event) -> None:
        self._client = client
        self._client.settimeout(_TURN_S)
        self._stopping = stopping
        self._sequence = 0

    def send(self, message: Message) -> None:
        """Send a message; `OSError` if the client is gone or the service ends."""
        head, bulk = encode(message, self._sequence)
        self._sequence += 1
        for part in (memoryview(head), bulk):
            rest = part
            while rest:
                if self._stopping.is_set():
                    raise ConnectionAbortedError
                try:
                    rest = rest[self._client.send(rest) :]
                except TimeoutError:
                    continue

    def wait_for_start(self) -> bool:
        """Wait for the client's START; False if it leaves instead, or says something else."""
        got = b""
        while len(got) < HEADER.size:
            if self._stopping.is_set():
                return False
            try:
                more = self._client.recv(HEADER.size - len(got))
            except TimeoutError:
                continue
            if not more:
                return False
            got += more
        return unpack_header(got).type is MessageType.START

    def require_client(self) -> None:
        """Notice a client that has left, with an `OSError`."""
        if select.select([self._client], [], [], 0)[0] and not self._client.recv(HEADER.size):
            raise ConnectionResetError

    def finish(self) -> None:
        """Say that nothing more comes, and let the client take what is on its way."""
        self._client.shutdown(socket.SHUT_WR)
        deadline_s = time.monotonic() + _FAREWELL_S
        while time.monotonic() < deadline_s and not self._stopping.is_set():
            try:
                if not self._client.recv(HEADER.size):
                    return
            except TimeoutError:
                continue


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        reason = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise ConfigError(f"{address} cannot be served ({reason}); choose another address or port.") from None
