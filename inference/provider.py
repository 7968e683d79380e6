"""Which hardware a graph really runs on."""

from __future__ import annotations

import contextlib
import ctypes.util
import functools
import sys
from enum import StrEnum
from pathlib import Path

import onnxruntime as ort

from inference.errors import BundleError, ProviderError

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

# ONNX Runtime writes to stderr past Python, where it would tear the progress line; its errors are raised anyway.
_LOG_FATAL = 4
_DEVICE_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")


class ProviderChoice(StrEnum):
    """What is asked for."""

    AUTO = "auto"
    """CUDA where it really works, else the CPU."""
    CPU = "cpu"
    CUDA = "cuda"
    """CUDA or an error."""


def nvidia_device_present() -> bool:
    """Tell whether an NVIDIA device could be used; ONNX Runtime's own list names CUDA even where there is none."""
    if CUDA not in ort.get_available_providers():
        return False
    if sys.platform == "win32":
        return ctypes.util.find_library("nvcuda") is not None
    return any(Path(name).exists() for name in _DEVICE_FILES)


def open_session(graph: bytes, choice: ProviderChoice, name: str) -> ort.InferenceSession:
    """Open a graph on the hardware asked for; the session's `get_providers()[0]` is the one it runs on.

    Raises
    ------
    ProviderError
        If CUDA is demanded and the graph would run elsewhere.
    BundleError
        If ONNX Runtime cannot open the graph; `name` says which one in the sentence.
    """
    if choice is ProviderChoice.CPU:
        return _open(graph, [CPU], name)
    if not nvidia_device_present():
        if choice is ProviderChoice.CUDA:
            raise ProviderError(
                "CUDA was demanded, but this computer has no NVIDIA device, or ONNX Runtime is built without CUDA; "
                "use the provider 'auto' or 'cpu'."
            )
        return _open(graph, [CPU], name)
    _preload_cuda()
    session = _open(graph, [CUDA, CPU], name)
    if choice is ProviderChoice.CUDA and session.get_providers()[0] != CUDA:
        raise ProviderError(
            "CUDA was demanded, but ONNX Runtime fell back to the CPU; install the matching CUDA and cuDNN libraries "
            "(pip install 'lightline[cuda]'), or use the provider 'auto' or 'cpu'."
        )
    return session


@functools.cache
def _preload_cuda() -> None:
    """Load CUDA libraries that came as Python packages (the extra `cuda`), where the loader does not look by itself."""
    # What is missing it prints; stdout may be somebody's JSON.
    with contextlib.redirect_stdout(sys.stderr):
        ort.preload_dlls()


def _open(graph: bytes, providers: list[str], name: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    # The engine runs several batches of one graph at a time; threads of the graph's own would wait for each other.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_FATAL
    try:
        return ort.InferenceSession(graph, options, providers=providers)
    except Exception as error:
        # ONNX Runtime raises bare classes of its own for every fault of a graph, from syntax to opset.
        raise BundleError(f"ONNX Runtime cannot open {name}: {first_line(error)}.") from None


def first_line(error: Exception) -> str:
    """Return the first line of what ONNX Runtime says, fit for the middle of a sentence."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:300] if lines else type(error).__name__
