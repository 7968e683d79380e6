"""Changes to an image that leave the cell what it is."""

from __future__ import annotations

import torch
from torch import Tensor


def augment(prepared: Tensor, shift_px: int, generator: torch.Generator) -> Tensor:
    """Flip, turn by quarters (square images) and shift each image at random; sizes and intensities stay.

    Parameters
    ----------
    prepared
        `(n, 1, y, x)` preprocessed images, whose background is 0.
    shift_px
        The most pixels along each axis.
    generator
        Source of randomness, on the CPU.
    """
    n, _, height, width = prepared.shape
    kinds = torch.randint(0, 8 if height == width else 4, (n,), generator=generator)
    out = prepared.clone()
    for bit, change in ((1, _flip_y), (2, _flip_x), (4, _transpose)):
        rows = (kinds & bit) > 0
        if rows.any():
            out[rows] = change(out[rows])
    return _shifted(out, shift_px, generator) if shift_px else out


def _flip_y(images: Tensor) -> Tensor:
    return images.flip(-2)


def _flip_x(images: Tensor) -> Tensor:
    return images.flip(-1)


def _transpose(images: Tensor) -> Tensor:
    """With the two flips, transposition makes all eight symmetries of the square."""
    return images.transpose(-1, -2)


def _shifted(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    n, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (most, most, most, most))
    down = torch.randint(0, 2 * most + 1, (n, 1, 1), generator=generator)
    along = torch.randint(0, 2 * most + 1, (n, 1, 1), generator=generator)
    rows = down + torch.arange(height).view(1, -1, 1)
    columns = along + torch.arange(width).view(1, 1, -1)
    return padded[torch.arange(n).view(-1, 1, 1), 0, rows, columns].unsqueeze(1)
