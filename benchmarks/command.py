"""The command line, as a benchmark calls it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def lightline(*words: str, folder: str) -> tuple[Any, float]:
    """Run a command of the command line that prints JSON; return the document and the seconds it took."""
    began = time.perf_counter()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lightline")), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout), time.perf_counter() - began
