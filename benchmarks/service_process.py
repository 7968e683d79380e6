"""`lightline run` as a process of its own, as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

LIGHTLINE = str(Path(sys.executable).with_name("lightline"))


def start_service(source: str, data: Path, *options: str) -> subprocess.Popen[str]:
    """Start a service on any free port that acquires from a source; what it says comes over `stderr`."""
    command = [LIGHTLINE, "run", source, *options, "--data", str(data), "--port", "0"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def address_of(service: subprocess.Popen[str]) -> tuple[str, str]:
    """Return the address and the token that a service prints; raises `RuntimeError` if it ends without."""
    for line in service.stderr or ():
        found = re.search(r"(http://\S+?)/\?token=(\S+)", line)
        if found:
            return found[1], found[2]
    raise RuntimeError("The service did not say where it is.")


def processes_of(service: int) -> list[int]:
    """Return the process of a service and those that it began, itself first; none that has ended."""
    try:
        begun = [int(line) for thread in Path(f"/proc/{service}/task").iterdir() for line in _children(thread)]
    except FileNotFoundError:
        return []
    return [service, *(found for child in begun for found in processes_of(child))]


def line_of(service: int) -> int | None:
    """Return the process of a service's line, None where there is none."""
    return next((found for found in processes_of(service) if b"service.apart.child" in _command(found)), None)


def kill_all(service: int) -> None:
    """Kill every process of a service at once, and wait until those that it began are gone."""
    found = processes_of(service)
    for process in found:
        os.kill(process, signal.SIGKILL)
    while any(Path(f"/proc/{process}").exists() for process in found[1:]):
        time.sleep(0.01)


def processor_s(service: int) -> float:
    """Return how much processor time a service has used so far, its processes and threads together, in seconds."""
    ticks = 0
    for process in processes_of(service):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(service: int) -> float:
    """Return the memory of a service and of its line that is no file's, without their workers', in MB."""
    line = line_of(service)
    found = (_anonymous(process) for process in (service, line) if process is not None)
    return sum(int(kilobytes[1]) for kilobytes in found if kilobytes) / 1024


def _anonymous(process: int) -> re.Match[str] | None:
    return re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="ascii"))


def _children(thread: Path) -> list[str]:
    try:
        return (thread / "children").read_text().split()
    except FileNotFoundError:
        return []


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""
