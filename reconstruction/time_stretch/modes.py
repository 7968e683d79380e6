"""How the lines of a time stretch are made into images (specification B.3, step 5)."""

from __future__ import annotations

from enum import StrEnum


class LineMode(StrEnum):
    """What a pixel is made of; the first three of Shi et al. 2019, made asynchronous: lines need no common phase.

    In all of them a sample lies at its true phase, and pixels are square by the flow speed.
    """

    FULL = "full"
    """Every sample about the pixel, at its true place in both axes: the best linear estimate."""
    SIMPLE = "simple"
    """Every line drawn straight from sample to sample, and the lines of a row averaged. Cheapest."""
    LINE_INTERLEAVE = "line_interleave"
    """The samples of a row's lines sorted by phase as if they were one line. As fine as `full` along the line, but
    jagged where light changes from line to line."""
