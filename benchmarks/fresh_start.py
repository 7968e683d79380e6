"""How long a newcomer waits: `make run` in a fresh clone, to the page and to the first stored cell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PORT, TOKEN = 8765, "fresh-start"
_PATIENCE_S = 600.0


def fresh_start() -> dict[str, float]:
    """Seconds since the command was given, by what was reached."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "lightline"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = {**os.environ, "LIGHTLINE_TOKEN": TOKEN, "LIGHTLINE_PORT": str(PORT)}
        # Neither shall send the newcomer to code that is installed, and compiled, already.
        environment.pop("VIRTUAL_ENV", None)
        environment.pop("PYTHONPATH", None)
        began = time.monotonic()
        process = subprocess.Popen(
            ["make", "run"],
            cwd=clone,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            reached = {
                "everything installed": lambda: (clone / ".venv" / ".run").exists(),
                "the page answers": lambda: _get("/healthz") is not None,
                "the first cell is stored": lambda: _stored() > 0,
            }
            return {name: _wait(found, began, process) for name, found in reached.items()}
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _wait(found: Callable[[], bool], began: float, process: subprocess.Popen[bytes]) -> float:
    while not found():
        if process.poll() is not None or time.monotonic() - began > _PATIENCE_S:
            raise RuntimeError("make run did not get as far as it should in a fresh clone")
        time.sleep(0.1)
    return time.monotonic() - began


def _get(path: str) -> bytes | None:
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            content: bytes = answer.read()
            return content
    except OSError:
        return None


def _stored() -> int:
    answer = _get("/api/v1/status")
    return 0 if answer is None else int(json.loads(answer)["ledger"]["stored"])


if __name__ == "__main__":
    for name, seconds in fresh_start().items():
        print(f"{name:<28} {seconds:6.1f} s")
