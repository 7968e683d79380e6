"""How a model is run on this hardware: as it was measured here, or else as is usually good."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from inference.errors import TuningError
from inference.provider import CPU
from reconstruction.sharing import threads_said

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
_CPUS = Path("/proc/cpuinfo")
_CARDS = Path("/proc/driver/nvidia/gpus")


class Tuned(BaseModel):
    """What was measured of a model on some hardware: one small file, beside no bundle, as a bundle never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    digest: str
    """Of the bundle."""
    provider: str
    """Execution provider, in ONNX Runtime's words."""
    hardware: str
    """Name of the processor and its cores, or of the graphics card."""
    runtime: str
    """Version of ONNX Runtime."""
    batch_sizes: tuple[PositiveInt, ...] = Field(min_length=1)
    """Sizes that are worth a batch of their own, ascending."""
    threads: PositiveInt
    """On a processor, each answers a share of a batch."""
    cells_per_s: float = Field(gt=0)
    """Of a batch of 32 cells at these, when it was measured."""


@dataclass(frozen=True)
class RunPlan:
    """Sizes of batches and threads that a graph is run with.

    Attributes
    ----------
    sizes
        Ascending.
    usual
        Whether the sizes are the usual ones, of which those are left out that a processor's cache does not hold.
    """

    sizes: tuple[int, ...]
    threads: int
    usual: bool


def default_threads() -> int:
    """Threads for one model: as OMP_NUM_THREADS says, else half the cores, at most four: acquisition keeps its own."""
    return threads_said() or max(1, min(4, (os.cpu_count() or 1) // 2))


def run_plan(digest: str, provider: str, threads: int | None, sizes: Sequence[int] | None) -> RunPlan:
    """Return how to run a model: as is asked, else as was measured on this hardware, else as is usual."""
    if sizes is not None:
        return RunPlan(tuple(sorted(set(sizes))), threads or default_threads(), usual=False)
    tuned = known(digest, provider)
    if tuned is None:
        return RunPlan(BATCH_SIZES, threads or default_threads(), usual=True)
    return RunPlan(tuned.batch_sizes, threads or threads_said() or tuned.threads, usual=False)


def known(digest: str, provider: str) -> Tuned | None:
    """Return what was measured of a model on this hardware; None where nothing was, or the file is damaged."""
    path = _path(digest, provider, hardware(provider))
    try:
        found = Tuned.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return found if (found.digest, found.provider, found.runtime) == (digest, provider, ort.__version__) else None


def keep(tuned: Tuned) -> Path:
    """Write what was measured, in place of what was before, and return the file.

    Raises
    ------
    TuningError
        If the folder cannot be written to.
    """
    path = _path(tuned.digest, tuned.provider, tuned.hardware)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}")
        half.write_text(tuned.model_dump_json(indent=1), encoding="utf-8")
        half.replace(path)
    except OSError as error:
        raise TuningError(
            f"The file '{path}' cannot be written ({error.strerror}); set XDG_CACHE_HOME to a folder that can."
        ) from None
    return path


def hardware(provider: str) -> str:
    """Return the name of what a provider runs on."""
    if provider == CPU:
        return f"{processor_name()}, {os.cpu_count() or 1} cores"
    cards = sorted(_CARDS.glob("*/information"))
    return (_line(cards[0], "Model") if cards else "") or "graphics card"


def processor_name() -> str:
    """Return the processor's name where the system tells it, otherwise its kind."""
    return _line(_CPUS, "model name") or platform.machine()


def _line(path: Path, name: str) -> str:
    """Return the first value of a name in a file of `name : value` lines; empty where there is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in found if key.strip() == name), "")


def _path(digest: str, provider: str, on: str) -> Path:
    said = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    name = hashlib.sha256("\n".join((digest, provider, on)).encode()).hexdigest()[:32]
    return Path(said).expanduser() / "lightline" / "tuned" / f"{name}.json"
