"""A cable between this computer and a network namespace: late, uneven, losing packets, and sometimes cut.

The kernel's `netem` is not everywhere. Here a pair of TUN devices is the cable, and a process of its own carries every
packet across, so that TCP on both sides is the kernel's.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

TUN = "/dev/net/tun"
_SET_NAME = 0x400454CA
_TUN_WITHOUT_HEADER = 0x1001
_MOST_QUEUED = 4096
"""Packets on the way; a router drops what is beyond."""


@dataclass(frozen=True)
class Cable:
    """How bad it is; seconds, and the share of packets lost, each way."""

    delay_s: float = 0.020
    jitter_s: float = 0.005
    loss: float = 0.01
    mtu: int = 1500


@dataclass
class _Way:
    """One direction: packets and when they arrive, in the order they were sent."""

    source: int
    sink: int
    queue: deque[tuple[float, bytes]] = field(default_factory=deque)
    last_s: float = 0.0

    def take(self, cable: Cable, moments: random.Random, *, cut: bool) -> None:
        """Read a packet, and send it on its way unless it is lost."""
        packet = os.read(self.source, 65536)
        if cut or moments.random() < cable.loss or len(self.queue) >= _MOST_QUEUED:
            return
        arrives = time.monotonic() + max(0.0, moments.gauss(cable.delay_s, cable.jitter_s))
        self.last_s = max(arrives, self.last_s)
        self.queue.append((self.last_s, packet))

    def give(self, now: float) -> None:
        """Write the packets that have arrived."""
        while self.queue and self.queue[0][0] <= now:
            with suppress(OSError):
                os.write(self.sink, self.queue.popleft()[1])


class Host:
    """A namespace at the other end of a cable.

    Attributes
    ----------
    name
        Of the namespace.
    here, there
        Addresses of both ends.
    """

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.here, self.there = f"10.77.{number}.1", f"10.77.{number}.2"
        self._carrier: subprocess.Popen[bytes] | None = None

    def started(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a program on this host."""
        words = ["ip", "netns", "exec", self.name, *command]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def carried_bytes(self) -> int:
        """Bytes that went over the cable to this host."""
        return int(Path(f"/sys/class/net/{self.name}h/statistics/tx_bytes").read_text())

    def cut(self) -> None:
        """Let nothing through any more."""
        self._tell(b"c")

    def mend(self) -> None:
        """Let packets through again."""
        self._tell(b"m")

    def _tell(self, word: bytes) -> None:
        if self._carrier is None or self._carrier.stdin is None:
            raise RuntimeError("The cable is not there.")
        self._carrier.stdin.write(word)
        self._carrier.stdin.flush()

    @contextmanager
    def connected(self, cable: Cable, congestion: str = "cubic") -> Iterator[Host]:
        """Make the namespace and the cable; both are gone afterwards."""
        # What a killed process left.
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)
        run("ip", "netns", "add", self.name)
        try:
            words = [sys.executable, "-m", "benchmarks.bad_link", self.name, self.here, self.there]
            numbers = [str(value) for value in (cable.delay_s, cable.jitter_s, cable.loss, cable.mtu)]
            with subprocess.Popen([*words, *numbers], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as self._carrier:
                assert self._carrier.stdout is not None
                try:
                    self._carrier.stdout.readline()
                    # The route says it, as not every computer lets the whole namespace be told.
                    for before, device, other in (
                        ([], "h", self.there),
                        (["ip", "netns", "exec", self.name], "t", self.here),
                    ):
                        run(
                            *before,
                            "ip",
                            "route",
                            "replace",
                            other,
                            "dev",
                            f"{self.name}{device}",
                            "congctl",
                            congestion,
                        )
                    yield self
                finally:
                    self._carrier.kill()
        finally:
            run("ip", "netns", "del", self.name)


def missing() -> str:
    """Say why there can be no such cable here; empty if there can."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "it needs the program 'ip' and the rights of root"
    if not os.access(TUN, os.R_OK | os.W_OK):
        return f"'{TUN}' cannot be opened"
    probe = subprocess.run(["ip", "netns", "add", "ll-probe"], capture_output=True)
    subprocess.run(["ip", "netns", "del", "ll-probe"], capture_output=True)
    return "network namespaces cannot be made" if probe.returncode else ""


def run(*words: str) -> None:
    """Run a short command; raises `CalledProcessError` where it fails."""
    subprocess.run(words, check=True, capture_output=True)


def _device(name: str) -> int:
    device = os.open(TUN, os.O_RDWR)
    fcntl.ioctl(device, _SET_NAME, struct.pack("16sH22x", name.encode(), _TUN_WITHOUT_HEADER))
    return device


def carry(name: str, here: str, there: str, cable: Cable) -> None:
    """Be the cable until stdin is closed; `c` cuts it and `m` mends it."""
    ends = _device(f"{name}h"), _device(f"{name}t")
    inside = ["ip", "netns", "exec", name]
    run("ip", "link", "set", f"{name}t", "netns", name)
    for before, device, mine, other in (([], f"{name}h", here, there), (inside, f"{name}t", there, here)):
        run(*before, "ip", "addr", "add", mine, "peer", other, "dev", device)
        run(*before, "ip", "link", "set", device, "mtu", str(cable.mtu), "up")
    run(*inside, "ip", "link", "set", "lo", "up")
    print("up", flush=True)
    ways = {end: _Way(end, ends[1 - k]) for k, end in enumerate(ends)}
    moments, cut = random.Random(1), False
    while True:
        waits = [way.queue[0][0] for way in ways.values() if way.queue]
        patience = max(0.0, min(waits) - time.monotonic()) if waits else 1.0
        ready, _, _ = select.select([*ways, 0], [], [], patience)
        for end in ready:
            if end != 0:
                ways[end].take(cable, moments, cut=cut)
            elif word := os.read(0, 1):
                cut = word == b"c"
            else:
                return
        now = time.monotonic()
        for way in ways.values():
            way.give(now)


if __name__ == "__main__":
    carry(*sys.argv[1:4], Cable(*(float(word) for word in sys.argv[4:7]), int(sys.argv[7])))
