"""A bar for long work, on stderr, where stderr is a screen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

Progress = Callable[[int, int | None], None]
"""Takes what is done so far, and the whole where it is known."""


@contextmanager
def progress_bar(doing: str, unit: str) -> Iterator[Progress]:
    """Show a bar while the block runs; what it yields takes what is done so far and the whole.

    Parameters
    ----------
    doing
        What is done, for example `reading`.
    unit
        What is counted, for example `samples`.
    """
    with tqdm(
        desc=doing, unit=f" {unit}", unit_scale=True, leave=False, disable=not sys.stderr.isatty(), file=sys.stderr
    ) as bar:

        def show(done: int, total: int | None) -> None:
            if total is not None:
                bar.total = total
            bar.update(done - bar.n)

        yield show
