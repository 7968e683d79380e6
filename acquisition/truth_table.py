"""What is known of the cells behind the samples, as columns that can stand in a file."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from acquisition.source import Truth

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KINDS = frozenset("biufS")


def checked_truth(truth: Truth) -> dict[str, npt.NDArray[np.generic]]:
    """Return the columns with text as fixed bytes.

    Raises
    ------
    ConfigError
        If a name is odd, a column is neither numbers, flags nor text, or the columns differ in length.
    """
    columns: dict[str, npt.NDArray[np.generic]] = {}
    for name, values in truth.items():
        column = np.asarray(values)
        if column.dtype.kind == "U":
            column = np.array([text.encode() for text in column.ravel().tolist()], dtype=bytes)
        if not _NAME.fullmatch(name):
            raise ConfigError(f"The truth column '{name}' needs a name of lower case letters, digits and underscores.")
        if column.dtype.kind not in _KINDS or column.ndim == 0:
            raise ConfigError(f"The truth column '{name}' must hold numbers, flags or text, one row a cell.")
        columns[name] = column
    if len({len(column) for column in columns.values()}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in columns.items())
        raise ConfigError(f"Every truth column needs one row a cell, got {lengths}.")
    return columns


def delivered(truth: Truth, epoch: int, end_sample: int) -> dict[str, npt.NDArray[np.generic]]:
    """Return the rows of the cells that came before tick `end_sample` of `epoch`."""
    if not {"epoch", "tick"} <= truth.keys():
        return dict(truth)
    epochs, ticks = np.asarray(truth["epoch"], np.int64), np.asarray(truth["tick"], np.float64)
    rows = (epochs < epoch) | ((epochs == epoch) & (ticks < end_sample))
    return {name: column[rows] for name, column in truth.items()}
