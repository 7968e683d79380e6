"""Options of `lightline train` that say which images of a cell are learnt from, and how much of them."""

from __future__ import annotations

import click

from service.cli.options import stack

image_options = stack(
    click.option(
        "--channel",
        "channels",
        multiple=True,
        help="Images to learn from (default: the first ones of the kind's sorts).",
    ),
    click.option(
        "--pool",
        "volume_pool",
        type=click.IntRange(1, 8),
        default=2,
        show_default=True,
        help="Edge of the cubes of voxels whose means are learnt from.",
    ),
    click.option(
        "--shrink",
        type=click.IntRange(1, 16),
        default=1,
        show_default=True,
        help="Edge of the squares of pixels whose means are learnt from, for a collection of images.",
    ),
    click.option(
        "--side",
        type=click.IntRange(16, 1024),
        help="Edge of the square that images of a collection are cropped or padded to, pixels (default: the largest).",
    ),
    click.option(
        "--patch",
        type=click.IntRange(16, 1024),
        help="Cut large images of a collection into squares of so many pixels; those of one image are held out "
        "together.",
    ),
    click.option(
        "--patch-step",
        type=click.IntRange(min=1),
        help="How far apart these squares begin, pixels (default: their edge, so that none overlap).",
    ),
    click.option(
        "--pixel-um",
        type=click.FloatRange(min=0, min_open=True),
        help="Edge of a pixel of a collection of images (default: what it is known for, or unknown).",
    ),
)
"""The options `channels`, `volume_pool`, `shrink`, `side`, `patch`, `patch_step` and `pixel_um`."""
