"""UDP packets of 8 kB over loopback from another process, against a bare loop that receives them and looks at none."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from acquisition.errors import EndOfStream, SourceTimeout
from acquisition.network_address import Address
from acquisition.packet_socket import RECEIVE_BYTES
from acquisition.packet_source import UdpSource
from acquisition.presets import instrument_preset
from benchmarks.timing import Row

PAYLOAD_BYTES = 8192
SAMPLES = (PAYLOAD_BYTES - 72) // 4
SECONDS = 1.0
PACED_PER_S = 12_000
ROUNDS = 3

# A process of its own, as a front end is: this one's receiver must not wait for it. It says how many packets it sent.
_SENDER = """
import socket, struct, sys, time
port, samples, seconds, per_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
about = struct.pack("<QqQQIIHBBHH", 0, 0, 0, 0, 0, samples, 2, 2, 0, 65535, 0)
packet = bytearray(struct.pack("<4sBBHIIQ", b"LTLN", 1, 3, 0, 48 + 4 * samples, 0, 0) + about + bytes(4 * samples))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect(("127.0.0.1", port))
began, number = time.perf_counter(), 0
while (passed := time.perf_counter() - began) < seconds:
    if per_s and number > passed * per_s:
        time.sleep(0.0005)
        continue
    struct.pack_into("<QQ", packet, 16, number, number * samples)
    sender.send(packet)
    number += 1
print(number, flush=True)
for end in range(5):
    time.sleep(0.05)
    sender.send(struct.pack("<4sBBHIIQ", b"LTLN", 1, 6, 0, 0, 0, number + end))
"""


@dataclass(frozen=True)
class Flight:
    """What came of the packets that were sent."""

    sent: int
    received: int
    seconds: float

    @property
    def per_s(self) -> float:
        """Packets received a second."""
        return self.received / self.seconds

    @property
    def lost_percent(self) -> float:
        """Packets that did not come, of those sent."""
        return 100 * (1 - self.received / self.sent)


def rows() -> Iterator[Row]:
    """As fast as the sender can, and at 100 MB/s."""
    for name, per_s in (("as fast as they come", 0), (f"at {PACED_PER_S}/s", PACED_PER_S)):
        flights = [(_ours(per_s), _bare(per_s)) for _ in range(ROUNDS)]
        rate = statistics.median(ours.per_s for ours, _ in flights)
        ratio = statistics.median(ours.per_s / bare.per_s for ours, bare in flights)
        lost, bare_lost = (statistics.median(flight[k].lost_percent for flight in flights) for k in (0, 1))
        against = f"bare recv loop; lost {lost:.2g} % and {bare_lost:.2g} %"
        yield Row(f"UDP packets of 8 kB, {name}", rate, "packets/s", against, ratio)
        yield Row(f"UDP samples, {name}", rate * 4 * SAMPLES / 1e6, "MB/s", "bare recv loop", ratio)


def _ours(per_s: float) -> Flight:
    with UdpSource(Address("127.0.0.1", 0), instrument_preset("sheet-ci")) as source:
        source.start()
        sender = _send(source.address.port, per_s)
        samples = 0
        while True:
            try:
                samples += source.read(1.0).n_samples
            except SourceTimeout:
                continue
            except EndOfStream:
                break
        sent, counts = _sent(sender), source.counts
    if samples + counts.samples_unread != SAMPLES * (sent - counts.lost):
        raise RuntimeError(f"{samples} samples came of {sent} packets, {counts}")
    return Flight(sent, samples // SAMPLES, SECONDS)


def _bare(per_s: float) -> Flight:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        receiver.bind(("127.0.0.1", 0))
        sender = _send(receiver.getsockname()[1], per_s)
        into, received = bytearray(1 << 16), 0
        while receiver.recv_into(into) > PAYLOAD_BYTES // 2:
            received += 1
        sent = _sent(sender)
    return Flight(sent, received, SECONDS)


def _send(port: int, per_s: float) -> subprocess.Popen[str]:
    arguments = [str(port), str(SAMPLES), str(SECONDS), str(per_s)]
    return subprocess.Popen([sys.executable, "-c", _SENDER, *arguments], stdout=subprocess.PIPE, text=True)


def _sent(sender: subprocess.Popen[str]) -> int:
    out, _ = sender.communicate(timeout=10)
    return int(out)
