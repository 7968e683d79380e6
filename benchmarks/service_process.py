"""`lightline run` as a process of its own, as a user starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
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


def processor_s(process: int) -> float:
    """Return how much processor time a process has used so far, its threads together, in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
