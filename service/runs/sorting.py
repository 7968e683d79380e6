"""Sort decisions: whether each event lies in a gate, published to whoever sorts, as soon as its answer is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import msgpack
import numpy as np
import zmq

from acquisition.errors import ConfigError
from inference.address import checked_address, is_inproc, is_loopback
from inference.admission import Admission
from inference.errors import TransportError
from inference.finished import Finished
from inference.keys import ServiceKeys
from service.gates.live_gate import LiveGate
from service.run import DropReason
from service.runs.meters import LatencyMeter
from service.status import SortStatus
from service.store.tables.later_rows import CellRows

MOST_WAITING = 65_536
"""Messages that may wait for one subscriber; further ones it misses."""
_LINGER_MS = 500
_TURN_S = 0.02


class Sorter:
    """Publishes a decision for every event, in the order of events, and never waits for anybody who reads them.

    States: open -> `close`. Any thread may ask for the status, also later.

    Parameters
    ----------
    run
        Id of the run.
    gate
        Cells in it are to be sorted.
    address
        `tcp://127.0.0.1:PORT`, with keys also one that other computers reach; it is bound at once, so that subscribers
        of a run that is held miss nothing.
    keys
        The service's: over an address that other computers reach, messages are encrypted, and only who has a key that
        is in the folder may subscribe.

    Raises
    ------
    ConfigError
        If another computer could reach the address and there are no keys, or something else has it.
    """

    def __init__(self, run: str, gate: LiveGate, address: str, keys: ServiceKeys | None = None) -> None:
        self._run = run
        self._gate = gate
        self._latency = LatencyMeter()
        self._lock = threading.Lock()
        self._decided = self._selected = self._missed = self._subscribers = self._refused = 0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.SNDHWM, MOST_WAITING)
        self._socket.setsockopt(zmq.LINGER, _LINGER_MS)
        # With it, a message that a subscriber would miss is refused first, so that it can be counted.
        self._socket.setsockopt(zmq.XPUB_NODROP, 1)
        self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        self._admission: Admission | None = None
        self._closing = threading.Event()
        self._doors: threading.Thread | None = None
        try:
            checked = _checked(address, keys)
            if keys is not None and not is_loopback(checked):
                self._admission = Admission(self._context, self._socket, keys, "subscriber")
            self._socket.bind(checked)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError(
                f"Sort decisions cannot be published at '{address}' ({error.strerror}); choose another port."
            ) from None
        except ConfigError:
            self.close()
            raise
        self._address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        if self._admission is not None:
            # Decisions may be far apart, and who wants to subscribe does not wait for the next one.
            self._doors = threading.Thread(
                target=self._admit, args=(self._admission,), name="sort-admission", daemon=True
            )
            self._doors.start()

    def decide(self, finished: Finished, rows: CellRows | None) -> None:
        """Publish what is decided of a batch.

        Parameters
        ----------
        finished
            Its `stamps_s` begin with when each event was in memory.
        rows
            Rows of its cells; None where they have no answer.
        """
        images = finished.images
        is_cell = images.is_cell
        chosen = np.zeros(len(images), dtype=bool)
        if rows is not None:
            chosen[is_cell] = self._gate.inside(rows.table)
        unanswered = "" if rows is not None else DropReason.INFERENCE.value
        latencies_s = np.empty(len(images))
        with self._lock:
            for row in np.argsort(images.event_id).tolist():
                latencies_s[row] = time.monotonic() - finished.stamps_s[row, 0]
                message = {
                    "type": "decision",
                    "run": self._run,
                    "event": int(images.event_id[row]),
                    "decision": bool(chosen[row]),
                    "reason": unanswered if is_cell[row] else images.rejection[row].value,
                    "epoch": int(images.epoch[row]),
                    "tick": float(images.trigger_tick[row]),
                    "latency_s": float(latencies_s[row]),
                }
                self._publish(message)
            self._decided += len(images)
            self._selected += int(chosen.sum())
        self._latency.add(latencies_s, images.event_id)

    def status(self) -> SortStatus:
        """Return what was published so far."""
        latency = self._latency.summary()
        with self._lock:
            if self._admission is not None:
                self._refused = self._admission.refused
            if not self._socket.closed:
                self._welcome()
            return SortStatus(
                gate=self._gate.name,
                address=self._address,
                subscribers=self._subscribers,
                decided=self._decided,
                selected=self._selected,
                missed=self._missed,
                refused=self._refused,
                latency=latency,
            )

    def end(self, reason: str) -> None:
        """Say that no decision follows, and close."""
        with self._lock:
            self._publish({"type": "end", "run": self._run, "decided": self._decided, "reason": reason})
        self.close()

    def close(self) -> None:
        """Give the address back; what subscribers have not read within half a second is lost. May be called twice."""
        self._closing.set()
        if self._doors is not None:
            self._doors.join()
        with self._lock:
            if self._admission is not None:
                self._refused = self._admission.refused
                self._admission.close()
                self._admission = None
            self._socket.close()
        self._context.term()

    def _admit(self, admission: Admission) -> None:
        """Let in who has a key, until the end."""
        while not self._closing.wait(_TURN_S):
            admission.turn()

    def _publish(self, message: Mapping[str, object]) -> None:
        data: bytes = msgpack.packb(message)
        try:
            self._socket.send(data, zmq.NOBLOCK)
        except zmq.Again:
            # Somebody is too slow; the others get it.
            self._missed += 1
            self._socket.setsockopt(zmq.XPUB_NODROP, 0)
            self._socket.send(data, zmq.NOBLOCK)
            self._socket.setsockopt(zmq.XPUB_NODROP, 1)

    def _welcome(self) -> None:
        """Count who subscribed and who left since; other messages mean nothing here."""
        while self._socket.poll(0):
            news = self._socket.recv(zmq.NOBLOCK)
            if news[:1] in (b"\0", b"\1"):
                self._subscribers = max(0, self._subscribers + (1 if news[0] else -1))


def _checked(address: str, keys: ServiceKeys | None) -> str:
    try:
        checked = checked_address(address, encrypted=keys is not None)
    except TransportError as error:
        raise ConfigError(str(error)) from None
    if is_inproc(checked):
        raise ConfigError("Sort decisions go to other programs; publish them at tcp://127.0.0.1:PORT.")
    return checked
