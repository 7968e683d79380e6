"""Copying one array into another within kernels, without what Numba compiles for it."""

from __future__ import annotations

from typing import Any

import numba
import numpy.typing as npt


@numba.njit(cache=True, nogil=True, inline="always")
def copy_row(source: npt.NDArray[Any], target: npt.NDArray[Any]) -> None:
    """Copy the values of a row into another of at least that length.

    `target[:] = source` would compile into every kernel the sentence that is said where shapes differ, and all that
    makes text of numbers: most of the time that a small kernel takes to compile.
    """
    for i in range(source.shape[0]):
        target[i] = source[i]
