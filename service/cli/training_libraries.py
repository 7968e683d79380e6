"""Libraries that training and judging models need, and acquisition does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from acquisition.errors import ConfigError

_EXTRA = ("torch", "onnx", "onnxscript", "sklearn", "scipy", "threadpoolctl")


@contextmanager
def needing_training_libraries(doing: str) -> Iterator[None]:
    """Import what needs them; `doing` begins the sentence that says which one is missing, as in "Training".

    Raises
    ------
    ConfigError
        If one is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise ConfigError(
            f"{doing} needs '{error.name}', which acquisition does not; "
            "install it with: pip install 'lightline[train]'."
        ) from None
