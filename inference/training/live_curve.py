"""How a training goes, while it goes: batches and the time that is left, and the losses of every epoch so far."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tqdm import tqdm

from inference.loss_curve import Losses, in_words, loss_curve

_HEIGHT = 8
_BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed} gone, at most {remaining} left{postfix}"


@dataclass(frozen=True)
class LiveCurve:
    """A bar, and under it a picture where stderr is a screen.

    Attributes
    ----------
    bar
        Counts batches.
    lines
        The rows of the picture, the words under it last; none where it is not shown.
    """

    bar: tqdm
    lines: tuple[tqdm, ...]

    def batch_done(self) -> None:
        """Count one more batch."""
        self.bar.update(1)

    def show(self, losses: Losses) -> None:
        """Show the losses of the epochs so far."""
        if not losses:
            return
        if not self.lines:
            self.bar.set_postfix_str(in_words(losses))
            return
        width = max(20, (self.bar.ncols or 80) - 12)
        texts = [*loss_curve(losses, width=width, height=_HEIGHT), in_words(losses)]
        for line, text in zip(self.lines, texts, strict=True):
            line.set_description_str(text)


@contextmanager
def live_curve(batches: int, done: int, *, shown: bool) -> Iterator[LiveCurve]:
    """Show a training on stderr while the block runs, and leave the picture standing.

    Parameters
    ----------
    batches, done
        Of the whole training at most, and of those before it was resumed.
    shown
        Whether there is anything to see at all.
    """
    pictured = shown and sys.stderr.isatty()
    bar = tqdm(total=batches, initial=done, desc="encoder", bar_format=_BAR, disable=not shown, dynamic_ncols=True)
    rows = range(1, _HEIGHT + 2) if pictured else ()
    lines = tuple(tqdm(position=row, bar_format="{desc}", leave=True) for row in rows)
    try:
        yield LiveCurve(bar, lines)
    finally:
        # What is closed is written once more, under what was closed before.
        for one in (bar, *lines):
            one.close()
